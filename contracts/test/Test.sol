// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice A log as forge records it.
struct Log {
    bytes32[] topics;
    bytes data;
    address emitter;
}

/// @notice The cheat codes of forge that these tests use.
interface Vm {
    function prank(address sender) external;
    function warp(uint256 timestamp) external;
    function expectRevert(bytes calldata revertData) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function snapshotGasLastCall(string calldata group, string calldata name) external returns (uint256 gas);
}

/// @notice What every test inherits. A failed assertion reverts, which is how forge learns of it.
abstract contract Test {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    error Unequal(uint256 found, uint256 expected, string what);

    function assertEq(uint256 found, uint256 expected, string memory what) internal pure {
        if (found != expected) revert Unequal(found, expected, what);
    }

    function assertEq(address found, address expected, string memory what) internal pure {
        assertEq(uint160(found), uint160(expected), what);
    }

    function assertTrue(bool condition, string memory what) internal pure {
        assertEq(condition ? 1 : 0, 1, what);
    }
}
