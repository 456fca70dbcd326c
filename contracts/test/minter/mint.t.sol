// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {CashbackMinter} from "../../src/CashbackMinter.sol";
import {CashbackToken} from "../../src/CashbackToken.sol";
import {Log} from "../Test.sol";
import {MinterTest} from "./MinterTest.sol";

/// @notice One test per leaf of mint.tree.
contract MintTest is MinterTest {
    /// it refuses the caller and marks nothing
    function test_GivenTheCallerIsNotAnOperator() external {
        expectUnauthorized(ADMIN, minter.OPERATOR_ROLE());
        vm.prank(ADMIN);
        minter.mintBatch(1, words(pack(ALICE, 5)));
        assertTrue(!isUsed(1), "free");
    }

    /// it refuses with EnforcedPause and marks nothing
    function test_GivenTheModuleIsPaused() external {
        pause();
        expectPaused();
        mint(1, ALICE, 5);
        assertTrue(!isUsed(1), "free");
        assertEq(minter.available(), CAPACITY, "available");
    }

    /// it passes on the refusal of the token
    function test_GivenTheModuleDoesNotHoldTheMinterRole() external {
        minter = deployMinter();
        expectUnauthorized(address(minter), token.MINTER_ROLE());
        mint(1, ALICE, 5);
    }

    /// it refuses with LimitExceeded and marks nothing
    function test_WhenTheAmountExceedsWhatIsAvailable() external {
        mint(1, ALICE, 1);
        expectRevert(CashbackMinter.LimitExceeded.selector, CAPACITY, CAPACITY - 1);
        mint(2, BOB, CAPACITY);
        assertTrue(!isUsed(2), "free");
        assertEq(token.totalSupply(), 1, "supply");
        assertEq(minter.available(), CAPACITY - 1, "available");
    }

    /// it mints and leaves nothing available
    function test_WhenTheAmountIsExactlyWhatIsAvailable() external {
        assertEq(mint(1, ALICE, CAPACITY), CAPACITY, "minted");
        assertEq(minter.available(), 0, "available");
    }

    /// it charges the limit with what was really minted
    function test_WhenSomeEntriesAreSkipped() external {
        mint(1, ALICE, 5);
        vm.prank(OPERATOR);
        uint256 minted = minter.mintBatch(1, words(pack(ALICE, CAPACITY), pack(address(token), CAPACITY), pack(BOB, 7)));
        assertEq(minted, 7, "minted");
        assertEq(minter.available(), CAPACITY - 12, "available");
    }

    /// it passes on CapExceeded and charges nothing
    function test_WhenTheSupplyWouldExceedTheCap() external {
        vm.prank(ADMIN);
        minter.setLimit(uint208(CAP * 2), WINDOW);
        mint(1, ALICE, CAP);
        expectRevert(CashbackToken.CapExceeded.selector, CAP + 1, CAP);
        mint(2, ALICE, 1);
        assertEq(minter.available(), CAP, "available");
    }

    /// it skips the entry as InvalidRecipient
    function test_WhenTheRecipientIsTheModuleItself() external {
        vm.recordLogs();
        assertEq(mint(1, address(minter), 5), 0, "minted");
        assertSkipped(vm.getRecordedLogs()[0], 1, CashbackToken.SkipReason.InvalidRecipient);
    }

    /// it refuses strangers and paused operators
    function test_GivenTheCallerMayNotMint() external {
        expectUnauthorized(STRANGER, minter.OPERATOR_ROLE());
        vm.prank(STRANGER);
        minter.mintScattered(numbers(1), words(pack(ALICE, 5)));
        pause();
        expectPaused();
        vm.prank(OPERATOR);
        minter.mintScattered(numbers(1), words(pack(ALICE, 5)));
        assertTrue(!isUsed(1), "free");
    }

    /// it mints and charges the limit
    function test_WhenEveryEntryIsValid() external {
        vm.prank(OPERATOR);
        uint256 minted = minter.mintScattered(numbers(900, 3, 40), words(pack(ALICE, 5), pack(BOB, 7), pack(ALICE, 11)));
        assertEq(minted, 23, "minted");
        assertEq(token.balanceOf(ALICE), 16, "alice");
        assertEq(minter.available(), CAPACITY - 23, "available");
    }

    /// it refuses the entries with LimitExceeded and marks nothing
    function test_WhenTheScatteredAmountExceedsWhatIsAvailable() external {
        expectRevert(CashbackMinter.LimitExceeded.selector, CAPACITY + 1, CAPACITY);
        vm.prank(OPERATOR);
        minter.mintScattered(numbers(1), words(pack(ALICE, CAPACITY + 1)));
        assertTrue(!isUsed(1), "free");
    }

    /// it refuses to retire
    function test_GivenTheCallerIsNotAnOperatorOrTheModuleIsPaused() external {
        expectUnauthorized(GUARDIAN, minter.OPERATOR_ROLE());
        vm.prank(GUARDIAN);
        minter.retire(1);
        pause();
        expectPaused();
        vm.prank(OPERATOR);
        minter.retire(1);
        assertTrue(!isUsed(1), "free");
    }

    /// it uses the number up and charges nothing
    function test_WhenTheOperatorRetires() external {
        vm.prank(OPERATOR);
        minter.retire(1);
        assertTrue(token.isRetired(1), "retired");
        assertEq(minter.available(), CAPACITY, "available");
    }

    /// it refuses to anchor
    function test_GivenTheCallerIsNotAnOperatorOrTheModuleIsPausedForAnchors() external {
        expectUnauthorized(STRANGER, minter.OPERATOR_ROLE());
        vm.prank(STRANGER);
        minter.anchor(bytes32(uint256(1)), 9);
        pause();
        expectPaused();
        vm.prank(OPERATOR);
        minter.anchor(bytes32(uint256(1)), 9);
    }

    /// it logs the root and the number
    function test_WhenTheOperatorAnchors() external {
        vm.recordLogs();
        vm.prank(OPERATOR);
        minter.anchor(keccak256("root"), 9);
        Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 1, "logs");
        assertTrue(logs[0].topics[0] == CashbackMinter.Anchored.selector, "is Anchored");
        assertTrue(logs[0].topics[1] == keccak256("root"), "root");
        assertEq(uint256(logs[0].topics[2]), 9, "up to");
    }

    function expectPaused() private {
        vm.expectRevert(abi.encodeWithSelector(Pausable.EnforcedPause.selector));
    }
}
