// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice A wallet of one owner at a time, as people have them: the adapter's judgement of signatures is tried on it.
contract SmartWallet is IERC1271, Ownable {
    constructor(address first) Ownable(first) {}

    /// @notice Takes what its present owner has signed.
    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecover(digest, signature);
        bool isTaken = failure == ECDSA.RecoverError.NoError && signer == owner();
        return isTaken ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}
