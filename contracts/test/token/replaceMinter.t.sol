// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CashbackMinter} from "../../src/CashbackMinter.sol";
import {CashbackToken} from "../../src/CashbackToken.sol";
import {CashbackTest} from "../CashbackTest.sol";

/// @notice One test per leaf of replaceMinter.tree.
contract ReplaceMinterTest is CashbackTest {
    CashbackMinter internal next;

    function setUp() public override {
        super.setUp();
        next = deployMinter();
    }

    /// it refuses the caller
    function test_GivenTheCallerIsNotTheAdmin() external {
        expectUnauthorized(address(this), token.DEFAULT_ADMIN_ROLE());
        token.replaceMinter(address(this), address(next));
    }

    /// it refuses with InvalidHandover
    function test_GivenTheOldMinterDoesNotHoldTheRole() external {
        assertRefused(STRANGER, address(next));
        assertTrue(!token.hasRole(token.MINTER_ROLE(), address(next)), "next got nothing");
    }

    /// it refuses a second grant with InvalidHandover
    function test_GivenTheNewMinterHoldsTheRoleAlready() external {
        grantMinter(address(next));
        assertRefused(address(this), address(next));
        assertTrue(token.hasRole(token.MINTER_ROLE(), address(this)), "old keeps it");
    }

    /// it refuses an address without code with InvalidHandover
    function test_WhenTheNewMinterIsNoContract() external {
        assertRefused(address(this), ALICE);
        assertTrue(token.hasRole(token.MINTER_ROLE(), address(this)), "old keeps it");
    }

    /// it moves the role so that only the new module mints
    function test_WhenBothModulesAreRight_MovesTheRole() external {
        vm.prank(ADMIN);
        token.replaceMinter(address(this), address(next));
        expectUnauthorized(address(this), token.MINTER_ROLE());
        token.mintBatch(1, words(pack(ALICE, 5)));
        vm.prank(OPERATOR);
        assertEq(next.mintBatch(1, words(pack(ALICE, 5))), 5, "minted by the new module");
    }

    /// it keeps every number used by the old module used
    function test_WhenBothModulesAreRight_KeepsTheNumbers() external {
        token.mintBatch(1, words(pack(ALICE, 5)));
        vm.prank(ADMIN);
        token.replaceMinter(address(this), address(next));
        vm.prank(OPERATOR);
        assertEq(next.mintBatch(1, words(pack(ALICE, 5))), 0, "minted");
        assertEq(token.balanceOf(ALICE), 5, "alice only once");
    }

    /// it leaves the role where it is
    function test_GivenTheOldModuleIsNamedAsTheNewOne() external {
        vm.prank(ADMIN);
        token.replaceMinter(address(this), address(this));
        assertEq(token.mintBatch(1, words(pack(ALICE, 5))), 5, "still mints");
    }

    function assertRefused(address oldMinter, address newMinter) private {
        vm.expectRevert(abi.encodeWithSelector(CashbackToken.InvalidHandover.selector, oldMinter, newMinter));
        vm.prank(ADMIN);
        token.replaceMinter(oldMinter, newMinter);
    }
}
