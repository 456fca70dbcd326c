// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BareMint} from "../bench/BareMint.sol";
import {OneContract} from "../bench/OneContract.sol";
import {CashbackTest} from "./CashbackTest.sol";

/**
 * @notice What the same batches cost elsewhere, measured as in Gas.t.sol: in one contract without the call between minter
 * and token (docs/adr/0005-two-contracts.md), and in a bare OpenZeppelin token without guard, limit and events of ours.
 */
contract LayoutsGasTest is CashbackTest {
    uint64 private constant FIRST = 1024;

    function test_GasOneContract001() external {
        measureOneContract(1, "001");
    }

    function test_GasOneContract010() external {
        measureOneContract(10, "010");
    }

    function test_GasOneContract100() external {
        measureOneContract(100, "100");
    }

    function test_GasOneContract200() external {
        measureOneContract(200, "200");
    }

    function test_GasBareMint200() external {
        BareMint bare = new BareMint();
        (address[] memory recipients, uint256[] memory amounts) = (new address[](200), new uint256[](200));
        for (uint256 i = 0; i < 200; ++i) {
            (recipients[i], amounts[i]) = (recipient(i), 1_234_567);
        }
        address[] memory first = new address[](1);
        first[0] = ALICE;
        bare.mintBatch(first, amounts);
        bare.mintBatch(recipients, amounts);
        vm.snapshotGasLastCall("BareMint", "mintBatch 200 fresh");
        bare.mintBatch(recipients, amounts);
        vm.snapshotGasLastCall("BareMint", "mintBatch 200 repeat");
        assertEq(bare.totalSupply(), 401 * 1_234_567, "supply");
    }

    function measureOneContract(uint256 size, string memory label) private {
        OneContract one = new OneContract(CAP, ADMIN, OPERATOR, CAPACITY, WINDOW);
        bytes32[] memory list = new bytes32[](size);
        for (uint256 i = 0; i < size; ++i) {
            list[i] = pack(recipient(i), 1_234_567);
        }
        vm.prank(OPERATOR);
        one.mintBatch(1, words(pack(ALICE, 1)));
        vm.prank(OPERATOR);
        one.mintBatch(FIRST, list);
        vm.snapshotGasLastCall("OneContract", string.concat("mintBatch ", label, " fresh"));
        vm.prank(OPERATOR);
        one.mintBatch(FIRST + uint64(size), list);
        vm.snapshotGasLastCall("OneContract", string.concat("mintBatch ", label, " repeat"));
        assertEq(one.totalSupply(), 1 + 2 * size * 1_234_567, "supply");
    }

    function recipient(uint256 index) private pure returns (address) {
        return address(uint160(uint256(keccak256(abi.encode(index)))));
    }
}
