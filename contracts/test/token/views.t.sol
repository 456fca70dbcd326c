// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CashbackTest} from "../CashbackTest.sol";

/// @notice One test per leaf of views.tree.
contract ViewsTest is CashbackTest {
    function setUp() public override {
        super.setUp();
        token.mintBatch(255, words(pack(ALICE, 5), 0, pack(BOB, 7)));
        token.retire(1000);
    }

    /// it returns an empty list
    function test_WhenNoNumberIsAsked() external view {
        assertEq(token.isUsed(new uint64[](0)).length, 0, "length");
    }

    /// it answers each in the order asked
    function test_WhenUsedAndFreeNumbersAreAsked() external view {
        bool[] memory used = token.isUsed(numbers(257, 256, 1000));
        assertTrue(used[0] && !used[1] && used[2], "used");
        assertTrue(isUsed(255) && !isUsed(0) && !isUsed(type(uint64).max), "single");
    }

    /// it is true of the retired one only
    function test_WhenMintedAndRetiredAndFreeNumbersAreAsked() external view {
        assertTrue(token.isRetired(1000), "retired");
        assertTrue(!token.isRetired(255) && !token.isRetired(256), "minted and free");
    }

    /// it returns an empty list of balances
    function test_WhenNoAccountIsAsked() external view {
        assertEq(token.balancesOf(new address[](0)).length, 0, "length");
    }

    /// it returns each balance in the order asked and repeats allowed
    function test_WhenSeveralAccountsAreAsked() external view {
        address[] memory accounts = new address[](4);
        (accounts[0], accounts[1], accounts[2], accounts[3]) = (BOB, STRANGER, ALICE, BOB);
        uint256[] memory balances = token.balancesOf(accounts);
        assertEq(balances[0], 7, "bob");
        assertEq(balances[1], 0, "stranger");
        assertEq(balances[2], 5, "alice");
        assertEq(balances[3], 7, "bob again");
    }

    /// it says six
    function test_WhenAWalletAsks() external view {
        assertEq(token.decimals(), 6, "decimals");
    }
}
