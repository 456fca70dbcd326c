// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CashbackToken} from "../../src/CashbackToken.sol";
import {CashbackTest} from "../CashbackTest.sol";
import {Log} from "../Test.sol";

/// @notice One test per leaf of retire.tree.
contract RetireTest is CashbackTest {
    /// it refuses the caller and marks nothing
    function test_GivenTheCallerDoesNotHoldTheMinterRole() external {
        expectUnauthorized(STRANGER, token.MINTER_ROLE());
        vm.prank(STRANGER);
        token.retire(4);
        assertTrue(!isUsed(4) && !token.isRetired(4), "free");
    }

    /// it marks the number as used and retired and logs it without minting
    function test_GivenTheNumberIsFree() external {
        vm.recordLogs();
        token.retire(300);
        Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 1, "logs");
        assertTrue(logs[0].topics[0] == CashbackToken.CashbackRetired.selector, "is CashbackRetired");
        assertEq(uint256(logs[0].topics[1]), 300, "number");
        assertTrue(isUsed(300) && token.isRetired(300), "used and retired");
        assertEq(token.totalSupply(), 0, "supply");
    }

    /// it skips the number as AlreadyUsed and it does not count as retired
    function test_GivenTheNumberWasMinted() external {
        token.mintBatch(4, words(pack(ALICE, 5)));
        assertSkipsRetirement(4);
        assertTrue(!token.isRetired(4), "not retired");
        assertEq(token.balanceOf(ALICE), 5, "alice keeps hers");
    }

    /// it skips the number and it stays retired
    function test_GivenTheNumberWasRetired() external {
        token.retire(4);
        assertSkipsRetirement(4);
        assertTrue(token.isRetired(4), "retired");
    }

    /// it touches no other number
    function testFuzz_WhenTheNumberIsAnythingAtAll(uint64 number) external {
        token.retire(number);
        assertEq(token.usedBits(number >> 8), 1 << (number & 0xff), "used bits");
        assertEq(token.retiredBits(number >> 8), 1 << (number & 0xff), "retired bits");
    }

    function assertSkipsRetirement(uint64 number) private {
        vm.recordLogs();
        token.retire(number);
        Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 1, "logs");
        assertSkipped(logs[0], number, CashbackToken.SkipReason.AlreadyUsed);
    }
}
