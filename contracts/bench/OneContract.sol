// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {RateLimiter} from "@openzeppelin/contracts/utils/RateLimiter.sol";
import {CashbackToken} from "../src/CashbackToken.sol";

/**
 * @title The layout that was not chosen: token, book of numbers, limit and pause in one contract.
 * @notice Mints exactly as `CashbackToken.mintBatch` behind `CashbackMinter.mintBatch` does, without the call between
 * the two. Measured for docs/adr/0005-two-contracts.md, never deployed.
 */
contract OneContract is ERC20Permit, ERC20Burnable, AccessControlDefaultAdminRules, Pausable {
    using RateLimiter for RateLimiter.RefillingBucket;

    bytes32 public constant OPERATOR_ROLE = keccak256("OPERATOR_ROLE");
    uint256 public immutable CAP;
    mapping(uint256 wordIndex => uint256 bits) public usedBits;
    RateLimiter.RefillingBucket private _limiter;

    error LimitExceeded(uint256 requested, uint256 available);

    constructor(uint256 cap, address admin, address operator, uint208 capacity, uint48 window)
        ERC20("Cashback", "CBK")
        ERC20Permit("Cashback")
        AccessControlDefaultAdminRules(2 days, admin)
    {
        CAP = cap;
        _grantRole(OPERATOR_ROLE, operator);
        _limiter.updateSettings(window, capacity);
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    function mintBatch(uint64 firstNumber, bytes32[] calldata words)
        external
        onlyRole(OPERATOR_ROLE)
        whenNotPaused
        returns (uint256 minted)
    {
        if (words.length > 256) revert CashbackToken.BatchTooLarge(words.length);
        if (firstNumber + words.length > 1 << 64) revert CashbackToken.WindowOutOfRange(firstNumber, words.length);
        uint256 wordIndex = firstNumber >> 8;
        uint256 bits = usedBits[wordIndex];
        for (uint256 i = 0; i < words.length; ++i) {
            if (words[i] == 0) continue;
            uint256 number = firstNumber + i;
            if (number >> 8 != wordIndex) {
                usedBits[wordIndex] = bits;
                wordIndex = number >> 8;
                bits = usedBits[wordIndex];
            }
            uint256 amount;
            (bits, amount) = _mintNumber(number, words[i], bits);
            minted += amount;
        }
        usedBits[wordIndex] = bits;
        if (totalSupply() > CAP) revert CashbackToken.CapExceeded(totalSupply(), CAP);
        if (!_limiter.tryConsume(bytes32(0), minted)) revert LimitExceeded(minted, _limiter.available(bytes32(0)));
    }

    function _mintNumber(uint256 number, bytes32 word, uint256 bits) private returns (uint256, uint256) {
        uint256 mask = 1 << (number & 0xff);
        address to = address(bytes20(word));
        uint256 amount = uint96(uint256(word));
        if (bits & mask != 0) {
            emit CashbackToken.CashbackSkipped(uint64(number), CashbackToken.SkipReason.AlreadyUsed);
            return (bits, 0);
        }
        if (to == address(0) || to == address(this)) {
            emit CashbackToken.CashbackSkipped(uint64(number), CashbackToken.SkipReason.InvalidRecipient);
            return (bits, 0);
        }
        if (amount == 0) {
            emit CashbackToken.CashbackSkipped(uint64(number), CashbackToken.SkipReason.ZeroAmount);
            return (bits, 0);
        }
        _mint(to, amount);
        emit CashbackToken.CashbackMinted(uint64(number), to, amount);
        return (bits | mask, amount);
    }
}
