// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CashbackMinter} from "../../src/CashbackMinter.sol";
import {CashbackToken} from "../../src/CashbackToken.sol";
import {CashbackTest} from "../CashbackTest.sol";
import {Handler} from "./Handler.sol";

/**
 * @notice What holds after any sequence of calls, whoever made them and however many modules have held the role. In
 * brackets the invariant of ARCHITECTURE.md that it is the chain's part of.
 *
 *     C1 [I10]  supply = minted - burned, by the logs alone, and the balances add up to it
 *     C2 [I2]   each number is minted at most once, across any sequence of modules
 *     C3 [I2]   a retired number never mints and a minted one is never retired; used are exactly these two
 *     C4 [I3]   nobody mints, retires, anchors, stops or rules without the role for it
 *     C5        the supply never exceeds the cap
 *     C6        a module has available what its limit leaves by the book, through every change of the limit
 *     C7 [I2]   exactly one module holds the role; one out of office does nothing, calls in flight included
 *     C8        no stretch of time sees more than the capacity and what refilled during it: twice in a window
 *     C9        a paused module mints, retires and anchors nothing
 *     C10       token and modules have one admin each, who changes only in two steps with the delay between them
 */
contract InvariantsTest is CashbackTest {
    /// @dev Above the capacity of one module and below that of two, so that sequences meet the limit and the cap.
    uint256 private constant LOW_CAP = 12_000e6;

    Handler internal handler;

    function setUp() public override {
        vm.warp(START);
        token = new CashbackToken("Cashback", "CBK", LOW_CAP, ADMIN_DELAY, ADMIN);
        CashbackMinter first = deployMinter();
        grantMinter(address(first));
        handler = new Handler(token, first);
    }

    /// @dev Forge asks which contracts its random calls go to.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @notice C1 [I10]: supply = minted - burned, by the logs alone, and the balances add up to it.
    function invariant_C1_SupplyIsMintedMinusBurned() external view {
        assertEq(token.totalSupply(), handler.minted() - handler.burned(), "supply");
        uint256 sum;
        for (uint160 i = 0; i < handler.HOLDERS(); ++i) {
            sum += token.balanceOf(address(0x1000 + i));
        }
        // A module is no recipient for itself, but for the token another one is a contract like any other.
        for (uint256 i = 0; i < handler.modulesCount(); ++i) {
            sum += token.balanceOf(address(handler.modules(i)));
        }
        assertEq(sum, token.totalSupply(), "balances");
    }

    /// @notice C2 [I2]: each number is minted at most once, across any sequence of modules.
    function invariant_C2_EachNumberIsMintedOnce() external view {
        assertEq(handler.numbersMintedTwice(), 0, "minted twice");
    }

    /// @notice C3 [I2]: a retired number never mints and a minted one is never retired; used are exactly these two.
    function invariant_C3_ARetiredNumberNeverMints() external view {
        assertEq(handler.retiredNumbersMinted(), 0, "minted after retirement");
        assertEq(handler.usedNumbersRetired(), 0, "retired after use");
        for (uint256 index = 0; index <= handler.NUMBERS() >> 8; ++index) {
            uint256 retired = handler.retiredBits(index);
            assertEq(token.usedBits(index), handler.mintedBits(index) | retired, "used");
            assertEq(token.retiredBits(index), retired, "retired");
        }
    }

    /// @notice C4 [I3]: nobody mints, retires, anchors, stops or rules without the role for it.
    function invariant_C4_NobodyButTheRoleMints() external view {
        assertEq(handler.theftsThatWorked(), 0, "thefts");
    }

    /// @notice C5: the supply never exceeds the cap.
    function invariant_C5_SupplyStaysWithinTheCap() external view {
        assertTrue(token.totalSupply() <= LOW_CAP, "cap");
    }

    /// @notice C6: a module has available what its limit leaves by the book, through every change of the limit.
    function invariant_C6_TheLimitLeavesWhatTheBookSays() external view {
        for (uint256 i = 0; i < handler.modulesCount(); ++i) {
            CashbackMinter module = handler.modules(i);
            uint256 capacity = handler.capacityOf(address(module));
            uint256 charged = handler.chargedNow(address(module));
            // A limit lowered below what was given out leaves nothing, until that has flowed back.
            assertEq(module.available(), charged < capacity ? capacity - charged : 0, "available");
        }
    }

    /// @notice C7 [I2]: exactly one module holds the role; one out of office does nothing, calls in flight included.
    function invariant_C7_OneModuleHoldsTheRole() external view {
        bytes32 role = token.MINTER_ROLE();
        for (uint256 i = 0; i < handler.modulesCount(); ++i) {
            assertTrue(token.hasRole(role, address(handler.modules(i))) == (i == handler.active()), "role");
        }
        assertEq(handler.doneOutOfOffice(), 0, "done out of office");
    }

    /// @notice C8: no stretch of time sees more than the capacity and what refilled during it: twice in a window.
    function invariant_C8_NoLimitIsExceededInAnyWindow() external view {
        assertEq(handler.limitsExceeded(), 0, "limits exceeded");
    }

    /// @notice C9: a paused module mints, retires and anchors nothing.
    function invariant_C9_APausedModuleDoesNothing() external view {
        assertEq(handler.doneWhilePaused(), 0, "done while paused");
    }

    /// @notice C10: token and modules have one admin each, who changes only in two steps with the delay between them.
    function invariant_C10_OneAdminInTurn() external view {
        assertEq(handler.adminsOutOfTurn(), 0, "admins out of turn");
        assertEq(token.defaultAdmin(), handler.adminOf(address(token)), "the token's admin");
        for (uint256 i = 0; i < handler.modulesCount(); ++i) {
            CashbackMinter module = handler.modules(i);
            assertEq(module.defaultAdmin(), handler.adminOf(address(module)), "a module's admin");
        }
    }

    /// @notice The invariants would hold of a handler that does nothing; this one does each thing at least once.
    function test_TheHandlerDoesWhatItSays() external {
        handler.mintBatch(10, 1, 3, 0);
        handler.launch(300, 2, 3);
        handler.launch(400, 3, 3);
        uint256 before = handler.minted();
        handler.handOver(1);
        handler.land(0);
        assertEq(handler.landedLate(), 1, "landed late");
        assertEq(handler.minted(), before, "nothing out of office");
        handler.mintAgain(0);
        assertTrue(handler.minted() > before, "minted again by the next module");
        handler.anchor(keccak256("root"), 7, 0);
        assertEq(handler.anchored(), 1, "anchored");
        handler.retire(599, 0);
        assertTrue(token.isRetired(599), "retired");
        handler.setLimit(0, 5, 6);
        assertEq(handler.capacityOf(address(handler.modules(1))), 6, "limit");
        for (uint8 holder = 0; holder < handler.HOLDERS(); ++holder) {
            handler.burn(holder, 1);
        }
        uint256 byHolders = handler.burned();
        assertTrue(byHolders > 0, "burned");
        for (uint8 holder = 0; holder < handler.HOLDERS(); ++holder) {
            handler.burnFrom(holder, holder + 1, 1);
        }
        assertTrue(handler.burned() > byHolders, "burned by a spender");
        handler.proposeAdmin(0, 1);
        handler.acceptAdmin(0, 1);
        assertEq(handler.adminsChanged(), 0, "too early");
        handler.letTimePass(300, true);
        handler.acceptAdmin(0, 1);
        assertEq(handler.adminsChanged(), 1, "the admin changed");
        handler.handOver(2);
        handler.togglePause(0);
        assertTrue(handler.modules(2).paused(), "paused");
        handler.steal(1, 1, 1);
    }
}
