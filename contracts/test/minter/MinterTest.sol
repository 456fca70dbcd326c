// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CashbackMinter} from "../../src/CashbackMinter.sol";
import {CashbackTest} from "../CashbackTest.sol";

/// @notice The scene of the module's tests: the module alone holds the minter role.
abstract contract MinterTest is CashbackTest {
    CashbackMinter internal minter;

    function setUp() public virtual override {
        super.setUp();
        minter = deployMinter();
        vm.prank(ADMIN);
        token.replaceMinter(address(this), address(minter));
    }

    function mint(uint64 number, address to, uint256 amount) internal returns (uint256) {
        vm.prank(OPERATOR);
        return minter.mintBatch(number, words(pack(to, amount)));
    }

    function pause() internal {
        vm.prank(GUARDIAN);
        minter.pause();
    }
}
