// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    IAccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/IAccessControlDefaultAdminRules.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {CashbackToken} from "../../src/CashbackToken.sol";
import {CashbackTest} from "../CashbackTest.sol";

/// @notice One test per leaf of erc20.tree: what the token inherits, as it is put together here.
contract Erc20Test is CashbackTest {
    uint256 private constant OWNER_KEY = 0xB1A5;
    bytes32 private constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    /// it refuses a zero cap with InvalidCap
    function test_WhenTheCapIsZero() external {
        vm.expectRevert(abi.encodeWithSelector(CashbackToken.InvalidCap.selector, 0));
        new CashbackToken("Cashback", "CBK", 0, ADMIN_DELAY, ADMIN);
    }

    /// it refuses a large cap with InvalidCap
    function test_WhenTheCapDoesNotFitASigned64BitInteger() external {
        vm.expectRevert(abi.encodeWithSelector(CashbackToken.InvalidCap.selector, 1 << 63));
        new CashbackToken("Cashback", "CBK", 1 << 63, ADMIN_DELAY, ADMIN);
    }

    /// it has that cap and six decimals and no minter and no supply
    function test_WhenTheCapIsTheLargestThatFits() external {
        CashbackToken largest = new CashbackToken("Cashback", "CBK", (1 << 63) - 1, ADMIN_DELAY, ADMIN);
        assertEq(largest.CAP(), (1 << 63) - 1, "cap");
        assertEq(largest.decimals(), 6, "decimals");
        assertEq(largest.totalSupply(), 0, "supply");
        assertTrue(!largest.hasRole(largest.MINTER_ROLE(), ADMIN), "the admin is no minter");
        assertEq(largest.defaultAdmin(), ADMIN, "admin");
        assertEq(largest.defaultAdminDelay(), ADMIN_DELAY, "delay");
    }

    /// it lets the spender move the tokens without a transaction of the owner
    function test_WhenTheOwnerSigned() external {
        address owner = mintToSigner();
        (uint8 v, bytes32 r, bytes32 s) = signPermit(owner);
        token.permit(owner, BOB, 3, block.timestamp, v, r, s);
        vm.prank(BOB);
        assertTrue(token.transferFrom(owner, ALICE, 3), "transferred");
        assertEq(token.balanceOf(ALICE), 3, "alice");
    }

    /// it refuses the spent signature
    function test_WhenTheSameSignatureComesAgain() external {
        address owner = mintToSigner();
        (uint8 v, bytes32 r, bytes32 s) = signPermit(owner);
        token.permit(owner, BOB, 3, block.timestamp, v, r, s);
        (bool isAccepted, bytes memory answer) =
            address(token).call(abi.encodeCall(ERC20Permit.permit, (owner, BOB, 3, block.timestamp, v, r, s)));
        assertTrue(!isAccepted, "refused");
        assertTrue(bytes4(answer) == ERC20Permit.ERC2612InvalidSigner.selector, "the nonce has moved on");
    }

    /// it lowers balance and supply and the number stays used
    function test_WhenTheHolderBurns() external {
        token.mintBatch(1, words(pack(ALICE, 5)));
        vm.prank(ALICE);
        token.burn(5);
        assertEq(token.totalSupply(), 0, "supply");
        assertEq(token.balanceOf(ALICE), 0, "alice");
        assertEq(token.mintBatch(1, words(pack(ALICE, 5))), 0, "not minted again");
    }

    /// it refuses to burn what is not its own
    function test_WhenAnotherAccountBurnsWithoutAnAllowance() external {
        token.mintBatch(1, words(pack(ALICE, 5)));
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, BOB, 0, 5));
        vm.prank(BOB);
        token.burnFrom(ALICE, 5);
    }

    /// it does not let the new admin in before the delay has passed
    function test_WhenANewAdminIsProposed() external {
        uint48 schedule = uint48(START) + ADMIN_DELAY;
        vm.prank(ADMIN);
        token.beginDefaultAdminTransfer(BOB);
        vm.warp(schedule);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControlDefaultAdminRules.AccessControlEnforcedDefaultAdminDelay.selector, schedule
            )
        );
        vm.prank(BOB);
        token.acceptDefaultAdminTransfer();
    }

    /// it lets the new admin accept and the old one is out
    function test_GivenTheDelayHasPassed() external {
        vm.prank(ADMIN);
        token.beginDefaultAdminTransfer(BOB);
        vm.warp(START + ADMIN_DELAY + 1);
        vm.prank(BOB);
        token.acceptDefaultAdminTransfer();
        assertEq(token.defaultAdmin(), BOB, "admin");
        assertTrue(!token.hasRole(token.DEFAULT_ADMIN_ROLE(), ADMIN), "the old admin is out");
    }

    /// it refuses the admin because minting is another role
    function test_WhenTheAdminTriesToMint() external {
        expectUnauthorized(ADMIN, token.MINTER_ROLE());
        vm.prank(ADMIN);
        token.mintBatch(1, words(pack(ALICE, 5)));
    }

    /// it says yes
    function test_WhenAskedForAccessControlWithAdminRules() external view {
        assertTrue(token.supportsInterface(type(IAccessControlDefaultAdminRules).interfaceId), "supported");
    }

    function mintToSigner() private returns (address owner) {
        owner = vm.addr(OWNER_KEY);
        token.mintBatch(1, words(pack(owner, 5)));
    }

    function signPermit(address owner) private view returns (uint8, bytes32, bytes32) {
        bytes32 request = keccak256(abi.encode(PERMIT, owner, BOB, 3, token.nonces(owner), block.timestamp));
        return vm.sign(OWNER_KEY, keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), request)));
    }
}
