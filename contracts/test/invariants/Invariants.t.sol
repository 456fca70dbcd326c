// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CashbackMinter} from "../../src/CashbackMinter.sol";
import {CashbackToken} from "../../src/CashbackToken.sol";
import {CashbackTest} from "../CashbackTest.sol";
import {Handler} from "./Handler.sol";

/**
 * @notice What holds after any sequence of calls, whoever made them. In brackets the invariant of ARCHITECTURE.md that
 * it is the chain's part of.
 */
contract InvariantsTest is CashbackTest {
    /// @dev Above the capacity of one module and below that of both, so that sequences meet the limit and the cap.
    uint256 private constant LOW_CAP = 12_000e6;

    Handler internal handler;

    function setUp() public override {
        vm.warp(START);
        token = new CashbackToken("Cashback", "CBK", LOW_CAP, ADMIN_DELAY, ADMIN);
        CashbackMinter first = deployMinter();
        grantMinter(address(first));
        handler = new Handler(token, first, deployMinter());
    }

    /// @dev Forge asks which contracts its random calls go to.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev C1 [I10]: supply = minted - burned, by the logs alone, and the balances add up to it.
    function invariant_C1_SupplyIsMintedMinusBurned() external view {
        assertEq(token.totalSupply(), handler.minted() - handler.burned(), "supply");
        uint256 sum;
        for (uint160 i = 0; i < 5; ++i) {
            sum += token.balanceOf(address(0x1000 + i));
        }
        // A module is no recipient for itself, but for the token the other one is a contract like any other.
        sum += token.balanceOf(address(handler.modules(0)));
        assertEq(sum, token.totalSupply(), "balances");
    }

    /// @dev C2 [I2]: each number is minted or retired at most once, by any sequence of modules; C3: and only then used.
    function invariant_C2_C3_EachNumberOnce() external view {
        assertEq(handler.numbersUsedTwice(), 0, "at most once");
        for (uint256 index = 0; index <= handler.NUMBERS() >> 8; ++index) {
            uint256 retired = handler.retiredBits(index);
            assertEq(token.usedBits(index), handler.mintedBits(index) | retired, "used");
            assertEq(token.retiredBits(index), retired, "retired");
        }
    }

    /// @dev C4 [I3]: nobody mints or retires but through the module that holds the role, and only its operator.
    function invariant_C4_NobodyButTheRoleMints() external view {
        assertEq(handler.theftsThatWorked(), 0, "thefts");
    }

    /// @dev C5: the supply never exceeds the cap.
    function invariant_C5_SupplyStaysWithinTheCap() external view {
        assertTrue(token.totalSupply() <= LOW_CAP, "cap");
    }

    /// @dev C6: each module has given out what it minted, less what has flowed back, and never more than its capacity.
    function invariant_C6_TheLimitHolds() external view {
        for (uint256 i = 0; i < 2; ++i) {
            CashbackMinter module = handler.modules(i);
            assertTrue(handler.chargedNow(address(module)) <= CAPACITY, "limit");
            assertEq(module.available(), CAPACITY - handler.chargedNow(address(module)), "available");
        }
    }

    /// @dev C7: exactly one module holds the role.
    function invariant_C7_OneModuleHoldsTheRole() external view {
        bytes32 role = token.MINTER_ROLE();
        assertTrue(token.hasRole(role, address(handler.modules(handler.active()))), "active");
        assertTrue(!token.hasRole(role, address(handler.modules(1 - handler.active()))), "other");
    }
}
