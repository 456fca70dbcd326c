// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CashbackMinter} from "../../src/CashbackMinter.sol";
import {CashbackToken} from "../../src/CashbackToken.sol";
import {Log} from "../Test.sol";
import {MinterTest} from "./MinterTest.sol";

/// @notice One test per leaf of policy.tree: who may stop, and how much goes through.
contract PolicyTest is MinterTest {
    /// it refuses with InvalidToken
    function test_WhenTheTokenIsNoContract() external {
        vm.expectRevert(abi.encodeWithSelector(CashbackMinter.InvalidToken.selector, ALICE));
        new CashbackMinter(CashbackToken(ALICE), ADMIN_DELAY, ADMIN, OPERATOR, GUARDIAN, CAPACITY, WINDOW);
    }

    /// it refuses an empty limit with InvalidLimit
    function test_WhenCapacityOrWindowIsZero() external {
        expectRevert(CashbackMinter.InvalidLimit.selector, 0, WINDOW);
        new CashbackMinter(token, ADMIN_DELAY, ADMIN, OPERATOR, GUARDIAN, 0, WINDOW);
        expectRevert(CashbackMinter.InvalidLimit.selector, CAPACITY, 0);
        new CashbackMinter(token, ADMIN_DELAY, ADMIN, OPERATOR, GUARDIAN, CAPACITY, 0);
    }

    /// it starts full and unpaused with its roles given
    function test_WhenEverythingIsRight() external view {
        assertLimit(CAPACITY, WINDOW);
        assertEq(minter.available(), CAPACITY, "available");
        assertEq(address(minter.TOKEN()), address(token), "token");
        assertTrue(!minter.paused(), "unpaused");
        assertTrue(minter.hasRole(minter.OPERATOR_ROLE(), OPERATOR), "operator");
        assertTrue(minter.hasRole(minter.GUARDIAN_ROLE(), GUARDIAN), "guardian");
        assertEq(minter.defaultAdmin(), ADMIN, "admin");
    }

    /// it refuses everyone else, the admin included
    function test_GivenTheCallerIsNoGuardian() external {
        expectUnauthorized(OPERATOR, minter.GUARDIAN_ROLE());
        vm.prank(OPERATOR);
        minter.pause();
        expectUnauthorized(ADMIN, minter.GUARDIAN_ROLE());
        vm.prank(ADMIN);
        minter.pause();
    }

    /// it is paused at once
    function test_WhenAnySingleGuardianPauses() external {
        bytes32 role = minter.GUARDIAN_ROLE();
        vm.prank(ADMIN);
        minter.grantRole(role, BOB);
        vm.prank(BOB);
        minter.pause();
        assertTrue(minter.paused(), "paused");
    }

    /// it refuses guardian and operator
    function test_GivenTheCallerIsNotTheAdmin_Unpause() external {
        pause();
        expectUnauthorized(GUARDIAN, minter.DEFAULT_ADMIN_ROLE());
        vm.prank(GUARDIAN);
        minter.unpause();
        expectUnauthorized(OPERATOR, minter.DEFAULT_ADMIN_ROLE());
        vm.prank(OPERATOR);
        minter.unpause();
        assertTrue(minter.paused(), "paused");
    }

    /// it mints again
    function test_WhenTheAdminLiftsThePause() external {
        pause();
        vm.prank(ADMIN);
        minter.unpause();
        assertEq(mint(1, ALICE, 5), 5, "minted");
    }

    /// it refuses the caller
    function test_GivenTheCallerIsNotTheAdmin_SetLimit() external {
        expectUnauthorized(OPERATOR, minter.DEFAULT_ADMIN_ROLE());
        vm.prank(OPERATOR);
        minter.setLimit(CAPACITY * 2, WINDOW);
    }

    /// it refuses the limit with InvalidLimit
    function test_WhenTheNewCapacityOrWindowIsZero() external {
        expectRevert(CashbackMinter.InvalidLimit.selector, 0, WINDOW);
        vm.prank(ADMIN);
        minter.setLimit(0, WINDOW);
        expectRevert(CashbackMinter.InvalidLimit.selector, CAPACITY, 0);
        vm.prank(ADMIN);
        minter.setLimit(CAPACITY, 0);
    }

    /// it keeps what was used and logs the change
    function test_WhenTheCapacityIsRaised() external {
        mint(1, ALICE, 4000e6);
        vm.recordLogs();
        vm.prank(ADMIN);
        minter.setLimit(CAPACITY * 2, WINDOW);
        Log[] memory logs = vm.getRecordedLogs();
        assertTrue(logs[0].topics[0] == CashbackMinter.LimitChanged.selector, "is LimitChanged");
        (uint256 capacity, uint256 window) = abi.decode(logs[0].data, (uint256, uint256));
        assertEq(capacity, CAPACITY * 2, "capacity");
        assertEq(window, WINDOW, "window");
        assertEq(minter.available(), CAPACITY * 2 - 4000e6, "available");
    }

    /// it has nothing available until that has refilled
    function test_WhenTheCapacityIsLoweredBelowWhatWasUsed() external {
        mint(1, ALICE, 4000e6);
        vm.prank(ADMIN);
        minter.setLimit(2000e6, WINDOW);
        assertEq(minter.available(), 0, "nothing");
        vm.warp(START + WINDOW);
        assertEq(minter.available(), 0, "used 2,000 of 2,000");
        vm.warp(START + 2 * WINDOW);
        assertEq(minter.available(), 2000e6, "full");
    }

    /// it counts the refill until then at the old rate
    function test_WhenTimePassedBeforeTheChange() external {
        mint(1, ALICE, CAPACITY);
        vm.warp(START + WINDOW / 2);
        vm.prank(ADMIN);
        minter.setLimit(CAPACITY, 1);
        assertEq(minter.available(), CAPACITY / 2, "the new rate has not reached back");
    }

    /// it has refilled in proportion
    function test_WhenPartOfTheWindowHasPassed() external {
        mint(1, ALICE, CAPACITY);
        vm.warp(START + WINDOW / 4);
        assertEq(minter.available(), CAPACITY / 4, "available");
    }

    /// it is full and not fuller
    function test_WhenMoreThanTheWindowHasPassed() external {
        mint(1, ALICE, CAPACITY);
        vm.warp(START + 10 * WINDOW);
        assertEq(minter.available(), CAPACITY, "available");
    }

    /// it never lets more than twice the capacity through in a window
    function testFuzz_WhenMintsAndPausesOfAnySizeFollowEachOther(uint64[16] calldata asks, uint16[16] calldata gaps)
        external
    {
        uint256 clock = START;
        for (uint64 i = 0; i < asks.length; ++i) {
            clock += gaps[i];
            if (clock > START + WINDOW) break;
            vm.warp(clock);
            uint256 before = minter.available();
            uint256 amount = uint256(asks[i]) % (CAPACITY + 1) + 1;
            if (amount > before) expectRevert(CashbackMinter.LimitExceeded.selector, amount, before);
            mint(i, ALICE, amount);
            assertEq(minter.available(), amount > before ? before : before - amount, "available");
        }
        assertTrue(token.totalSupply() <= 2 * CAPACITY, "bounded");
    }

    /// it says the capacity and window of the deployment whatever was used
    function test_GivenTheLimitWasNeverChanged() external {
        mint(1, ALICE, CAPACITY);
        assertLimit(CAPACITY, WINDOW);
    }

    /// it says the new capacity and window
    function test_WhenTheAdminChangesTheLimit() external {
        vm.prank(ADMIN);
        minter.setLimit(7, 9);
        assertLimit(7, 9);
    }

    function assertLimit(uint208 expectedCapacity, uint48 expectedWindow) private view {
        (uint208 capacity, uint48 window) = minter.limit();
        assertEq(capacity, expectedCapacity, "capacity");
        assertEq(window, expectedWindow, "window");
    }
}
