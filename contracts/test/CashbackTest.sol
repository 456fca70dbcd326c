// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {CashbackMinter} from "../src/CashbackMinter.sol";
import {CashbackToken} from "../src/CashbackToken.sol";
import {Log, Test} from "./Test.sol";

/// @notice The scene of every test: a token, its cast, and the words to speak of logs and bits.
abstract contract CashbackTest is Test {
    /// @dev Tests that move the clock reckon from here: the optimizer may read `block.timestamp` anew after a warp.
    uint256 internal constant START = 1_700_000_000;
    uint256 internal constant CAP = 1_000_000e6;
    uint208 internal constant CAPACITY = 10_000e6;
    uint48 internal constant WINDOW = 1 days;
    uint48 internal constant ADMIN_DELAY = 2 days;

    address internal constant ADMIN = address(0xAD);
    address internal constant OPERATOR = address(0x0E);
    address internal constant GUARDIAN = address(0x6A);
    address internal constant STRANGER = address(0x57);
    address internal constant ALICE = address(0xA11CE);
    address internal constant BOB = address(0xB0B);

    CashbackToken internal token;

    /// @dev The test contract itself is the minter module of the token's tests.
    function setUp() public virtual {
        vm.warp(START);
        token = new CashbackToken("Cashback", "CBK", CAP, ADMIN_DELAY, ADMIN);
        grantMinter(address(this));
    }

    function grantMinter(address module) internal {
        bytes32 role = token.MINTER_ROLE();
        vm.prank(ADMIN);
        token.grantRole(role, module);
    }

    function deployMinter() internal returns (CashbackMinter) {
        return new CashbackMinter(token, ADMIN_DELAY, ADMIN, OPERATOR, GUARDIAN, CAPACITY, WINDOW);
    }

    function pack(address to, uint256 amount) internal pure returns (bytes32) {
        return bytes32(uint256(uint160(to)) << 96 | amount);
    }

    function words(bytes32 only) internal pure returns (bytes32[] memory list) {
        list = new bytes32[](1);
        list[0] = only;
    }

    function words(bytes32 first, bytes32 second, bytes32 third) internal pure returns (bytes32[] memory list) {
        list = new bytes32[](3);
        (list[0], list[1], list[2]) = (first, second, third);
    }

    function numbers(uint64 only) internal pure returns (uint64[] memory list) {
        list = new uint64[](1);
        list[0] = only;
    }

    function numbers(uint64 first, uint64 second, uint64 third) internal pure returns (uint64[] memory list) {
        list = new uint64[](3);
        (list[0], list[1], list[2]) = (first, second, third);
    }

    function isUsed(uint64 number) internal view returns (bool) {
        return token.isUsed(numbers(number))[0];
    }

    function expectUnauthorized(address account, bytes32 role) internal {
        vm.expectRevert(abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, account, role));
    }

    function expectRevert(bytes4 selector, uint256 first, uint256 second) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, first, second));
    }

    function assertMinted(Log memory log, uint64 number, address to, uint256 amount) internal pure {
        assertTrue(log.topics[0] == CashbackToken.CashbackMinted.selector, "is CashbackMinted");
        assertEq(uint256(log.topics[1]), number, "minted number");
        assertEq(uint256(log.topics[2]), uint160(to), "minted to");
        assertEq(abi.decode(log.data, (uint256)), amount, "minted amount");
    }

    function assertTransfer(Log memory log, address from, address to, uint256 amount) internal pure {
        assertTrue(log.topics[0] == IERC20.Transfer.selector, "is Transfer");
        assertEq(uint256(log.topics[1]), uint160(from), "transfer from");
        assertEq(uint256(log.topics[2]), uint160(to), "transfer to");
        assertEq(abi.decode(log.data, (uint256)), amount, "transfer amount");
    }

    function assertSkipped(Log memory log, uint64 number, CashbackToken.SkipReason reason) internal pure {
        assertTrue(log.topics[0] == CashbackToken.CashbackSkipped.selector, "is CashbackSkipped");
        assertEq(uint256(log.topics[1]), number, "skipped number");
        assertEq(abi.decode(log.data, (uint256)), uint256(reason), "skip reason");
    }
}
