// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CashbackToken} from "../../src/CashbackToken.sol";
import {CashbackTest} from "../CashbackTest.sol";
import {Log} from "../Test.sol";

/// @notice One test per leaf of mintBatch.tree.
contract MintBatchTest is CashbackTest {
    /// it refuses the caller and marks nothing
    function test_GivenTheCallerDoesNotHoldTheMinterRole() external {
        expectUnauthorized(STRANGER, token.MINTER_ROLE());
        vm.prank(STRANGER);
        token.mintBatch(1, words(pack(ALICE, 5)));
        assertTrue(!isUsed(1), "free");
        assertEq(token.totalSupply(), 0, "supply");
    }

    /// it refuses the batch with BatchTooLarge
    function test_WhenTheBatchHasMoreThan256Entries() external {
        token.mintBatch(0, new bytes32[](256));
        vm.expectRevert(abi.encodeWithSelector(CashbackToken.BatchTooLarge.selector, 257));
        token.mintBatch(0, new bytes32[](257));
    }

    /// it refuses the window with WindowOutOfRange
    function test_WhenTheWindowRunsPastTheLast64BitNumber() external {
        expectRevert(CashbackToken.WindowOutOfRange.selector, type(uint64).max, 3);
        token.mintBatch(type(uint64).max, words(0, 0, pack(ALICE, 5)));
    }

    /// it mints the last number
    function test_WhenTheWindowEndsAtTheLast64BitNumber() external {
        token.mintBatch(type(uint64).max - 2, words(0, 0, pack(ALICE, 5)));
        assertTrue(isUsed(type(uint64).max), "used");
        assertEq(token.balanceOf(ALICE), 5, "balance");
    }

    /// it mints nothing and returns zero
    function test_WhenTheBatchIsEmpty() external {
        assertEq(token.mintBatch(7, new bytes32[](0)), 0, "minted");
        assertEq(token.usedBits(0), 0, "bits");
    }

    /// it passes over the number without an event and leaves it free
    function test_WhenAWordIsZero() external {
        vm.recordLogs();
        token.mintBatch(10, words(0, pack(ALICE, 5), 0));
        Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 2, "only the mint's own two logs");
        assertMinted(logs[1], 11, ALICE, 5);
        assertEq(token.usedBits(0), 1 << 11, "bits");
    }

    /// it credits each recipient and the supply and returns the sum
    function test_WhenEveryEntryIsValid_Credits() external {
        uint256 minted = token.mintBatch(1, words(pack(ALICE, 5), pack(BOB, 7), pack(ALICE, 11)));
        assertEq(minted, 23, "minted");
        assertEq(token.balanceOf(ALICE), 16, "alice");
        assertEq(token.balanceOf(BOB), 7, "bob");
        assertEq(token.totalSupply(), 23, "supply");
    }

    /// it logs a Transfer and a CashbackMinted for each entry in order
    function test_WhenEveryEntryIsValid_Logs() external {
        vm.recordLogs();
        token.mintBatch(1, words(pack(ALICE, 5), pack(BOB, 7), pack(ALICE, 11)));
        Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 6, "logs");
        assertTransfer(logs[0], address(0), ALICE, 5);
        assertMinted(logs[1], 1, ALICE, 5);
        assertTransfer(logs[2], address(0), BOB, 7);
        assertMinted(logs[3], 2, BOB, 7);
        assertTransfer(logs[4], address(0), ALICE, 11);
        assertMinted(logs[5], 3, ALICE, 11);
    }

    /// it marks exactly the numbers of its entries
    function test_WhenEveryEntryIsValid_Marks() external {
        token.mintBatch(1, words(pack(ALICE, 5), pack(BOB, 7), pack(ALICE, 11)));
        assertEq(token.usedBits(0), 14, "bits 1 to 3");
        assertEq(token.retiredBits(0), 0, "none retired");
    }

    /// it marks the numbers on both sides
    function test_WhenTheWindowCrossesIntoTheNextWordOfTheBitmap() external {
        token.mintBatch(255, words(pack(ALICE, 5), pack(BOB, 7), pack(ALICE, 11)));
        assertEq(token.usedBits(0), 1 << 255, "first word");
        assertEq(token.usedBits(1), 3, "second word");
    }

    /// it skips the number as AlreadyUsed and mints its neighbours
    function test_GivenANumberWasMintedBefore() external {
        token.mintBatch(2, words(pack(ALICE, 5)));
        vm.recordLogs();
        uint256 minted = token.mintBatch(1, words(pack(BOB, 7), pack(ALICE, 5), pack(BOB, 11)));
        Log[] memory logs = vm.getRecordedLogs();
        assertEq(minted, 18, "minted");
        assertEq(logs.length, 5, "logs");
        assertMinted(logs[1], 1, BOB, 7);
        assertSkipped(logs[2], 2, CashbackToken.SkipReason.AlreadyUsed);
        assertMinted(logs[4], 3, BOB, 11);
        assertEq(token.balanceOf(ALICE), 5, "alice only once");
    }

    /// it skips the retired number as AlreadyUsed
    function test_GivenANumberWasRetired() external {
        token.retire(2);
        assertSkips(2, pack(ALICE, 5), CashbackToken.SkipReason.AlreadyUsed);
    }

    /// it skips the entry as InvalidRecipient and leaves the number free
    function test_WhenTheRecipientIsTheZeroAddress() external {
        assertSkips(2, pack(address(0), 5), CashbackToken.SkipReason.InvalidRecipient);
        assertTrue(!isUsed(2), "free");
    }

    /// it skips the entry sent to the token as InvalidRecipient
    function test_WhenTheRecipientIsTheToken() external {
        assertSkips(2, pack(address(token), 5), CashbackToken.SkipReason.InvalidRecipient);
        assertTrue(!isUsed(2), "free");
    }

    /// it skips the entry sent to the module as InvalidRecipient
    function test_WhenTheRecipientIsTheCallingModule() external {
        assertSkips(2, pack(address(this), 5), CashbackToken.SkipReason.InvalidRecipient);
        assertTrue(!isUsed(2), "free");
    }

    /// it skips the entry as ZeroAmount and leaves the number free
    function test_WhenTheAmountIsZero() external {
        assertSkips(2, pack(ALICE, 0), CashbackToken.SkipReason.ZeroAmount);
        assertTrue(!isUsed(2), "free");
    }

    /// it mints the same number later with a valid recipient
    function test_GivenAnEntryWasSkippedForItsRecipient() external {
        token.mintBatch(2, words(pack(address(token), 5)));
        assertEq(token.mintBatch(2, words(pack(ALICE, 5))), 5, "minted");
        assertTrue(isUsed(2), "used");
    }

    /// it refuses the whole batch with CapExceeded and marks nothing
    function test_WhenTheSupplyWouldExceedTheCap() external {
        token.mintBatch(1, words(pack(ALICE, CAP)));
        expectRevert(CashbackToken.CapExceeded.selector, CAP + 1, CAP);
        token.mintBatch(2, words(pack(BOB, 1)));
        assertTrue(!isUsed(2), "free");
        assertEq(token.balanceOf(BOB), 0, "bob");
    }

    /// it mints up to the cap
    function test_WhenTheSupplyReachesTheCapExactly() external {
        token.mintBatch(1, words(pack(ALICE, CAP - 1), 0, pack(BOB, 1)));
        assertEq(token.totalSupply(), CAP, "supply");
    }

    /// it mints into the room that the burn left
    function test_GivenTokensWereBurnedAtTheCap() external {
        token.mintBatch(1, words(pack(ALICE, CAP)));
        vm.prank(ALICE);
        token.burn(3);
        token.mintBatch(2, words(pack(BOB, 3)));
        assertEq(token.totalSupply(), CAP, "supply");
    }

    /// it does what a plain model of the rules does
    function testFuzz_WhenTheWindowAndItsEntriesAreAnythingAtAll(uint64 first, uint8[] calldata kinds, uint96 seed)
        external
    {
        uint256 count = kinds.length > 256 ? 256 : kinds.length;
        if (first > type(uint64).max - 256) first -= 256;
        bytes32[] memory batch = new bytes32[](count);
        uint256 expected;
        for (uint256 i = 0; i < count; ++i) {
            uint256 amount = uint256(seed) % 1e6 + i + 1;
            uint256 kind = kinds[i] % 8;
            if (kind == 1) token.mintBatch(first + uint64(i), words(pack(BOB, 1)));
            if (kind == 2) token.retire(first + uint64(i));
            batch[i] = entry(kind, amount);
            if (kind > 5) expected += amount;
        }
        uint256 before = token.totalSupply();
        assertEq(token.mintBatch(first, batch), expected, "minted");
        assertEq(token.totalSupply(), before + expected, "supply");
        assertEq(token.balanceOf(ALICE), expected, "alice");
        for (uint256 i = 0; i < count; ++i) {
            uint256 kind = kinds[i] % 8;
            bool isMarked = kind > 5 || kind == 1 || kind == 2;
            assertTrue(isUsed(first + uint64(i)) == isMarked, "used");
            assertTrue(token.isRetired(first + uint64(i)) == (kind == 2), "retired");
        }
    }

    /// @dev 0 gap, 1 already minted, 2 retired, 3 zero recipient, 4 token, 5 zero amount, 6 and 7 valid.
    function entry(uint256 kind, uint256 amount) private view returns (bytes32) {
        if (kind == 0) return 0;
        if (kind == 3) return pack(address(0), amount);
        if (kind == 4) return pack(address(token), amount);
        if (kind == 5) return pack(ALICE, 0);
        return pack(ALICE, amount);
    }

    function assertSkips(uint64 number, bytes32 word, CashbackToken.SkipReason reason) private {
        vm.recordLogs();
        assertEq(token.mintBatch(number, words(word)), 0, "minted");
        Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 1, "logs");
        assertSkipped(logs[0], number, reason);
        assertEq(token.totalSupply(), 0, "supply");
    }
}
