// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/**
 * @title The cashback token, and the book of numbers already minted.
 * @notice Every cashback has a number. The token keeps one bit per number and never mints the same number twice,
 * whichever minter asks and however often. This contract is final: it has no proxy, no pause and no seizure; what may
 * change (limits, pause, keys) lives in the module that holds `MINTER_ROLE`, see `CashbackMinter`.
 *
 * A number has one life:
 *
 *     free --- mintBatch, mintScattered ---> used, with one CashbackMinted log
 *        \---- retire ---------------------> used and retired, never minted
 *
 * @dev A mint is one 32-byte word: the recipient in the high 160 bits, the amount in the low 96. An entry that cannot
 * be minted is skipped with an event, so that it never harms its neighbours; it stays free unless it was used before.
 * Nothing here calls another contract, so nothing can re-enter.
 */
contract CashbackToken is ERC20Permit, ERC20Burnable, AccessControlDefaultAdminRules {
    /// @notice Why an entry of a batch was not minted.
    enum SkipReason {
        /// The number was minted or retired before.
        AlreadyUsed,
        /// The recipient is zero, this token, or the calling minter module.
        InvalidRecipient,
        /// The amount is zero.
        ZeroAmount
    }

    /// @notice May mint and retire numbers. Held by the minter module, never by a person's key.
    bytes32 public constant MINTER_ROLE = keccak256("MINTER_ROLE");

    /// @notice The most entries that one call takes.
    uint256 public constant MAX_BATCH = 256;

    /// @notice Supply never exceeds this many base units.
    uint256 public immutable CAP;

    /// @notice 256 numbers per word: bit `n % 256` of word `n / 256` says that number `n` was minted or retired.
    mapping(uint256 wordIndex => uint256 bits) public usedBits;

    /// @notice Laid out as `usedBits`; a bit set here was retired. Only `retire` pays for it, a mint never reads it.
    mapping(uint256 wordIndex => uint256 bits) public retiredBits;

    /// @notice Number `number` was minted: `amount` base units went to `to`. Exactly one such log exists per number.
    event CashbackMinted(uint64 indexed number, address indexed to, uint256 amount);

    /// @notice Number `number` was not minted in this call, and why. Its state did not change.
    event CashbackSkipped(uint64 indexed number, SkipReason reason);

    /// @notice Number `number` was used up without a mint; it will never be minted.
    event CashbackRetired(uint64 indexed number);

    /// @notice The supply cap must be at least 1 and fit a signed 64-bit integer, the ledger's type for amounts.
    error InvalidCap(uint256 cap);

    /// @notice The batch would raise the supply above the cap; nothing of it was minted or marked.
    error CapExceeded(uint256 supply, uint256 cap);

    /// @notice More than `MAX_BATCH` entries.
    error BatchTooLarge(uint256 entries);

    /// @notice The window runs past the last 64-bit number.
    error WindowOutOfRange(uint64 firstNumber, uint256 entries);

    /// @notice `numbers` and `words` must pair up.
    error LengthMismatch(uint256 numbers, uint256 words);

    /// @notice The outgoing minter does not hold the role, or the incoming one already does or is no contract.
    error InvalidHandover(address oldMinter, address newMinter);

    /**
     * @notice Deploys the token without any minter: the admin grants `MINTER_ROLE` to a module afterwards.
     * @param name_ The token's name, also the name of its EIP-712 domain; at most 31 bytes.
     * @param symbol_ The token's symbol.
     * @param cap_ The supply cap in base units (6 decimals).
     * @param adminDelay Seconds between proposing a new admin and the first moment it may accept.
     * @param admin The first and only admin.
     */
    constructor(string memory name_, string memory symbol_, uint256 cap_, uint48 adminDelay, address admin)
        ERC20(name_, symbol_)
        ERC20Permit(name_)
        AccessControlDefaultAdminRules(adminDelay, admin)
    {
        if (cap_ == 0 || cap_ > uint64(type(int64).max)) revert InvalidCap(cap_);
        CAP = cap_;
    }

    /// @notice One token is 10^6 base units.
    function decimals() public pure override returns (uint8) {
        return 6;
    }

    /**
     * @notice Mints a window of consecutive numbers: entry `i` has number `firstNumber + i`. A zero word is a gap: it
     * is passed over without an event.
     * @param firstNumber The number of the first entry.
     * @param words The packed mints, at most 256.
     * @return minted The base units really minted; skipped entries add nothing.
     */
    function mintBatch(uint64 firstNumber, bytes32[] calldata words)
        external
        onlyRole(MINTER_ROLE)
        returns (uint256 minted)
    {
        if (words.length > MAX_BATCH) revert BatchTooLarge(words.length);
        if (firstNumber + words.length > 1 << 64) revert WindowOutOfRange(firstNumber, words.length);
        uint256 wordIndex = firstNumber >> 8;
        // The bitmap word is carried along and written when the walk leaves it: at most two reads and two writes.
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
        _requireWithinCap();
    }

    /**
     * @notice Mints numbers that do not form a window. Sorted numbers are cheapest: each word of the bitmap is then
     * read and written once. Here a zero word is no gap but an invalid recipient, so every number given is answered.
     * @param numbers The number of each entry, in any order.
     * @param words The packed mint of each entry, at most 256.
     * @return minted The base units really minted; skipped entries add nothing.
     */
    function mintScattered(uint64[] calldata numbers, bytes32[] calldata words)
        external
        onlyRole(MINTER_ROLE)
        returns (uint256 minted)
    {
        if (words.length > MAX_BATCH) revert BatchTooLarge(words.length);
        if (numbers.length != words.length) revert LengthMismatch(numbers.length, words.length);
        if (words.length == 0) return 0;
        uint256 wordIndex = numbers[0] >> 8;
        uint256 bits = usedBits[wordIndex];
        for (uint256 i = 0; i < words.length; ++i) {
            uint256 number = numbers[i];
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
        _requireWithinCap();
    }

    /**
     * @notice Uses a number up without minting it, for ever: the on-chain half of cancelling a mint. A number used
     * before, minted or retired, is skipped with an event.
     * @param number The number to retire.
     */
    function retire(uint64 number) external onlyRole(MINTER_ROLE) {
        uint256 wordIndex = number >> 8;
        uint256 mask = 1 << (number & 0xff);
        uint256 bits = usedBits[wordIndex];
        if (bits & mask != 0) {
            emit CashbackSkipped(number, SkipReason.AlreadyUsed);
            return;
        }
        usedBits[wordIndex] = bits | mask;
        retiredBits[wordIndex] |= mask;
        emit CashbackRetired(number);
    }

    /**
     * @notice Passes `MINTER_ROLE` from one module to the next in one transaction, so that there is never a block
     * with two minters or none. Calls in flight to the old module revert from then on and mark nothing.
     * @param oldMinter The module that holds the role now.
     * @param newMinter The module that holds it afterwards; must be a contract.
     */
    function replaceMinter(address oldMinter, address newMinter) external onlyRole(DEFAULT_ADMIN_ROLE) {
        bool isValid =
            newMinter.code.length != 0 && _revokeRole(MINTER_ROLE, oldMinter) && _grantRole(MINTER_ROLE, newMinter);
        if (!isValid) revert InvalidHandover(oldMinter, newMinter);
    }

    /// @notice Returns for each number whether it was used, minted or retired, in the order asked.
    function isUsed(uint64[] calldata numbers) external view returns (bool[] memory used) {
        used = new bool[](numbers.length);
        for (uint256 i = 0; i < numbers.length; ++i) {
            used[i] = usedBits[numbers[i] >> 8] & (1 << (numbers[i] & 0xff)) != 0;
        }
    }

    /// @notice Returns whether a number was retired: used, but never minted.
    function isRetired(uint64 number) external view returns (bool) {
        return retiredBits[number >> 8] & (1 << (number & 0xff)) != 0;
    }

    /// @notice Returns the balance of each account, in the order asked.
    function balancesOf(address[] calldata accounts) external view returns (uint256[] memory balances) {
        balances = new uint256[](accounts.length);
        for (uint256 i = 0; i < accounts.length; ++i) {
            balances[i] = balanceOf(accounts[i]);
        }
    }

    /**
     * @dev Mints one entry, or skips it with an event. `bits` is the bitmap word of `number`, held by the caller.
     * @return The bitmap word with the number's bit set if it was minted, and the amount minted (0 when skipped).
     */
    function _mintNumber(uint256 number, bytes32 word, uint256 bits) private returns (uint256, uint256) {
        uint256 mask = 1 << (number & 0xff);
        address to = address(bytes20(word));
        uint256 amount = uint96(uint256(word));
        if (bits & mask != 0) {
            emit CashbackSkipped(uint64(number), SkipReason.AlreadyUsed);
            return (bits, 0);
        }
        if (to == address(0) || to == address(this) || to == msg.sender) {
            emit CashbackSkipped(uint64(number), SkipReason.InvalidRecipient);
            return (bits, 0);
        }
        if (amount == 0) {
            emit CashbackSkipped(uint64(number), SkipReason.ZeroAmount);
            return (bits, 0);
        }
        _mint(to, amount);
        emit CashbackMinted(uint64(number), to, amount);
        return (bits | mask, amount);
    }

    /// @dev Checked once per batch, after it: the revert undoes every mint and every bit of the call.
    function _requireWithinCap() private view {
        uint256 supply = totalSupply();
        if (supply > CAP) revert CapExceeded(supply, CAP);
    }
}
