// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MinterTest} from "./minter/MinterTest.sol";

/**
 * @notice What a transaction of the adapter costs, through the module, by batch size, for wallets that never held the
 * token (fresh) and for those that do (repeat). The figures stand in snapshots/CashbackMinter.json; run with --isolate,
 * so that each call is a transaction of its own.
 */
contract GasTest is MinterTest {
    /// @dev The window of the first number lies inside one word of the bitmap up to 200 and is the word's first use.
    uint64 private constant FIRST = 1024;

    function setUp() public override {
        super.setUp();
        mint(1, ALICE, 1);
    }

    function test_Gas001() external {
        measure(1, "001");
    }

    function test_Gas010() external {
        measure(10, "010");
    }

    function test_Gas100() external {
        measure(100, "100");
    }

    function test_Gas200() external {
        (uint256 fresh, uint256 repeat) = measure(200, "200");
        assertTrue(fresh <= 28_800 * 200, "fresh at 200");
        assertTrue(repeat <= 11_600 * 200, "repeat at 200");
    }

    function test_GasScattered200() external {
        uint64[] memory list = new uint64[](200);
        for (uint64 i = 0; i < 200; ++i) {
            list[i] = FIRST + i;
        }
        vm.prank(OPERATOR);
        minter.mintScattered(list, batch(200));
        vm.snapshotGasLastCall("CashbackMinter", "mintScattered 200 fresh");
    }

    function test_GasRetire() external {
        vm.prank(OPERATOR);
        minter.retire(FIRST);
        vm.snapshotGasLastCall("CashbackMinter", "retire");
    }

    function measure(uint256 size, string memory label) private returns (uint256 fresh, uint256 repeat) {
        bytes32[] memory list = batch(size);
        vm.prank(OPERATOR);
        minter.mintBatch(FIRST, list);
        fresh = vm.snapshotGasLastCall("CashbackMinter", string.concat("mintBatch ", label, " fresh"));
        vm.prank(OPERATOR);
        minter.mintBatch(FIRST + uint64(size), list);
        repeat = vm.snapshotGasLastCall("CashbackMinter", string.concat("mintBatch ", label, " repeat"));
    }

    function batch(uint256 size) private pure returns (bytes32[] memory list) {
        list = new bytes32[](size);
        for (uint256 i = 0; i < size; ++i) {
            list[i] = pack(address(uint160(uint256(keccak256(abi.encode(i))))), 1_234_567);
        }
    }
}
