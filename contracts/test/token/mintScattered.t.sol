// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CashbackToken} from "../../src/CashbackToken.sol";
import {CashbackTest} from "../CashbackTest.sol";
import {Log} from "../Test.sol";

/// @notice One test per leaf of mintScattered.tree.
contract MintScatteredTest is CashbackTest {
    /// it refuses the caller and marks nothing
    function test_GivenTheCallerDoesNotHoldTheMinterRole() external {
        expectUnauthorized(STRANGER, token.MINTER_ROLE());
        vm.prank(STRANGER);
        token.mintScattered(numbers(1), words(pack(ALICE, 5)));
        assertTrue(!isUsed(1), "free");
    }

    /// it refuses the entries with BatchTooLarge
    function test_WhenThereAreMoreThan256Entries() external {
        vm.expectRevert(abi.encodeWithSelector(CashbackToken.BatchTooLarge.selector, 257));
        token.mintScattered(new uint64[](257), new bytes32[](257));
    }

    /// it refuses the entries with LengthMismatch
    function test_WhenNumbersAndWordsDifferInLength() external {
        expectRevert(CashbackToken.LengthMismatch.selector, 3, 1);
        token.mintScattered(numbers(1, 2, 3), words(pack(ALICE, 5)));
    }

    /// it mints nothing and returns zero
    function test_WhenThereAreNoEntries() external {
        assertEq(token.mintScattered(new uint64[](0), new bytes32[](0)), 0, "minted");
    }

    /// it mints each number to its own recipient
    function test_WhenTheNumbersAreFarApartAndUnsorted() external {
        vm.recordLogs();
        uint256 minted = token.mintScattered(
            numbers(70_000, 3, type(uint64).max), words(pack(ALICE, 5), pack(BOB, 7), pack(ALICE, 11))
        );
        Log[] memory logs = vm.getRecordedLogs();
        assertEq(minted, 23, "minted");
        assertMinted(logs[1], 70_000, ALICE, 5);
        assertMinted(logs[3], 3, BOB, 7);
        assertMinted(logs[5], type(uint64).max, ALICE, 11);
        assertTrue(isUsed(70_000) && isUsed(3) && isUsed(type(uint64).max), "used");
    }

    /// it mints the first and skips the second as AlreadyUsed
    function test_WhenANumberStandsTwiceInOneCall() external {
        vm.recordLogs();
        uint256 minted = token.mintScattered(numbers(9, 9, 10), words(pack(ALICE, 5), pack(BOB, 7), pack(BOB, 1)));
        Log[] memory logs = vm.getRecordedLogs();
        assertEq(minted, 6, "minted");
        assertMinted(logs[1], 9, ALICE, 5);
        assertSkipped(logs[2], 9, CashbackToken.SkipReason.AlreadyUsed);
    }

    /// it still knows the number as used
    function test_WhenANumberComesBackAfterAnotherWordOfTheBitmap() external {
        vm.recordLogs();
        uint256 minted = token.mintScattered(numbers(9, 900, 9), words(pack(ALICE, 5), pack(BOB, 7), pack(BOB, 1)));
        Log[] memory logs = vm.getRecordedLogs();
        assertEq(minted, 12, "minted");
        assertSkipped(logs[4], 9, CashbackToken.SkipReason.AlreadyUsed);
        assertEq(token.usedBits(0), 1 << 9, "bits");
    }

    /// it answers with InvalidRecipient because there are no gaps here
    function test_WhenAWordIsZero() external {
        vm.recordLogs();
        token.mintScattered(numbers(9), words(0));
        assertSkipped(vm.getRecordedLogs()[0], 9, CashbackToken.SkipReason.InvalidRecipient);
    }

    /// it refuses all entries with CapExceeded and marks nothing
    function test_WhenTheSupplyWouldExceedTheCap() external {
        expectRevert(CashbackToken.CapExceeded.selector, CAP + 2, CAP);
        token.mintScattered(numbers(1, 2, 3), words(pack(ALICE, CAP), pack(BOB, 1), pack(BOB, 1)));
        assertEq(token.usedBits(0), 0, "bits");
    }

    /// it mints each distinct number once
    function testFuzz_WhenTheNumbersAreAnythingAtAll(uint64[] calldata raw, uint64 spread) external {
        uint256 count = raw.length > 256 ? 256 : raw.length;
        uint64[] memory list = new uint64[](count);
        bytes32[] memory batch = new bytes32[](count);
        uint256 expected;
        for (uint256 i = 0; i < count; ++i) {
            list[i] = raw[i] % (spread | 1);
            batch[i] = pack(ALICE, i + 1);
            if (isFirst(list, i)) expected += i + 1;
        }
        assertEq(token.mintScattered(list, batch), expected, "minted");
        assertEq(token.balanceOf(ALICE), expected, "alice");
        bool[] memory used = token.isUsed(list);
        for (uint256 i = 0; i < count; ++i) {
            assertTrue(used[i], "used");
        }
        assertEq(token.mintScattered(list, batch), 0, "a second time mints nothing");
    }

    function isFirst(uint64[] memory list, uint256 index) private pure returns (bool) {
        for (uint256 i = 0; i < index; ++i) {
            if (list[i] == list[index]) return false;
        }
        return true;
    }
}
