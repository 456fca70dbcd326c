// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/**
 * @title What a batch mint costs at least: OpenZeppelin's token and owner, and a loop. Measured against, never deployed.
 * @notice No number, no limit, no cap, no pause and no event but the token's own: the same batch sent twice mints twice.
 */
contract BareMint is ERC20, Ownable {
    constructor() ERC20("Bare", "BARE") Ownable(msg.sender) {}

    /// @notice Mints to each recipient the amount at its place; the lists must pair up.
    function mintBatch(address[] calldata recipients, uint256[] calldata amounts) external onlyOwner {
        for (uint256 i = 0; i < recipients.length; ++i) {
            _mint(recipients[i], amounts[i]);
        }
    }
}
