// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CashbackMinter} from "../../src/CashbackMinter.sol";
import {CashbackToken} from "../../src/CashbackToken.sol";
import {Log} from "../Test.sol";

/**
 * @notice What happened, told by logs alone as the ledger tells it, and by who was allowed to do what.
 * @dev Invariants.t.sol compares it with the state of the contracts, which knows nothing of these books.
 */
abstract contract Books {
    /// @notice One mint of a module under its present limit.
    struct Spent {
        uint256 time;
        uint256 amount;
    }

    /// @notice Few numbers, so that sequences meet the same one again and again; three words of the bitmap.
    uint64 public constant NUMBERS = 600;

    CashbackToken public immutable TOKEN;

    /// @notice Every module that ever held the role, and which of them does now.
    CashbackMinter[] public modules;
    uint256 public active;

    uint256 public minted;
    uint256 public burned;
    uint256 public anchored;
    /// @notice As the token's words of bits, but told by the logs.
    mapping(uint256 wordIndex => uint256 bits) public mintedBits;
    mapping(uint256 wordIndex => uint256 bits) public retiredBits;

    /// @notice What each module's limit had given out when it was last charged, and when that was: a bucket by the book.
    mapping(address module => uint256) public charged;
    mapping(address module => uint256) public chargedAt;
    mapping(address module => uint208) public capacityOf;
    mapping(address module => uint48) public windowOf;
    /// @notice Who administers the token and each module; nobody else may.
    mapping(address target => address) public adminOf;

    /// @notice What must never happen, counted where it would.
    uint256 public numbersMintedTwice;
    uint256 public retiredNumbersMinted;
    uint256 public usedNumbersRetired;
    uint256 public theftsThatWorked;
    uint256 public doneOutOfOffice;
    uint256 public doneWhilePaused;
    uint256 public limitsExceeded;
    uint256 public adminsOutOfTurn;

    mapping(address module => Spent[]) private _spent;

    constructor(CashbackToken token) {
        TOKEN = token;
        adminOf[address(token)] = token.defaultAdmin();
    }

    /// @notice Returns how many modules there are.
    function modulesCount() external view returns (uint256) {
        return modules.length;
    }

    /// @notice Returns what of the module's limit is given out and has not yet flowed back.
    function chargedNow(address module) public view returns (uint256) {
        uint256 refill = (block.timestamp - chargedAt[module]) * capacityOf[module] / windowOf[module];
        return charged[module] > refill ? charged[module] - refill : 0;
    }

    function _bookModule(CashbackMinter module) internal {
        modules.push(module);
        adminOf[address(module)] = module.defaultAdmin();
        (capacityOf[address(module)], windowOf[address(module)]) = module.limit();
    }

    /// @dev What is given out stays given out; the spending is reckoned anew, because its bound is another now.
    function _bookLimitChange(address module, uint208 capacity, uint48 window) internal {
        charged[module] = chargedNow(module);
        chargedAt[module] = block.timestamp;
        (capacityOf[module], windowOf[module]) = (capacity, window);
        delete _spent[module];
    }

    /// @dev Books what a module did, by the token's logs.
    function _bookLogs(address module, Log[] memory logs) internal {
        uint256 before = minted;
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == CashbackToken.CashbackMinted.selector) _bookMint(logs[i]);
            if (logs[i].topics[0] == CashbackToken.CashbackRetired.selector) _bookRetirement(logs[i]);
        }
        if (minted != before) _bookSpending(module, minted - before);
    }

    function _bookMint(Log memory log) private {
        (uint256 wordIndex, uint256 mask) = _place(log);
        if (mintedBits[wordIndex] & mask != 0) ++numbersMintedTwice;
        if (retiredBits[wordIndex] & mask != 0) ++retiredNumbersMinted;
        mintedBits[wordIndex] |= mask;
        minted += abi.decode(log.data, (uint256));
    }

    function _bookRetirement(Log memory log) private {
        (uint256 wordIndex, uint256 mask) = _place(log);
        if ((mintedBits[wordIndex] | retiredBits[wordIndex]) & mask != 0) ++usedNumbersRetired;
        retiredBits[wordIndex] |= mask;
    }

    /**
     * @dev Looks back from this mint over every stretch of time that ends with it: a stretch may hold the capacity once,
     * and what flowed back during it. Within a window that is twice the capacity.
     */
    function _bookSpending(address module, uint256 amount) private {
        charged[module] = chargedNow(module) + amount;
        chargedAt[module] = block.timestamp;
        if (charged[module] > capacityOf[module]) ++limitsExceeded;
        _spent[module].push(Spent(block.timestamp, amount));
        uint256 sum;
        for (uint256 i = _spent[module].length; i > 0; --i) {
            Spent memory spent = _spent[module][i - 1];
            sum += spent.amount;
            uint256 refilled = (block.timestamp - spent.time) * capacityOf[module] / windowOf[module];
            if (sum > capacityOf[module] + refilled) ++limitsExceeded;
        }
    }

    function _place(Log memory log) private pure returns (uint256 wordIndex, uint256 mask) {
        return (uint256(log.topics[1]) >> 8, 1 << (uint256(log.topics[1]) & 0xff));
    }
}
