// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {RateLimiter} from "@openzeppelin/contracts/utils/RateLimiter.sol";
import {CashbackToken} from "./CashbackToken.sol";

/**
 * @title The policy between the hot key and the token: how much may be minted, how fast, and who may stop it.
 * @notice Holds `MINTER_ROLE` on the token and is replaced, never upgraded, when the policy changes
 * (`CashbackToken.replaceMinter`). A call that finds the module paused, the limit short or the cap reached reverts as
 * a whole: nothing is minted and no number is marked, so the same numbers may be sent again later.
 *
 * Three kinds of keys:
 *
 *     operator   the adapter's hot key: mints, retires, anchors
 *     guardian   any single one of them stops everything at once; can do nothing else
 *     admin      one, replaced in two delayed steps: grants the roles, sets the limit, lifts a pause
 *
 * @dev The limit is a bucket that starts full and refills linearly: `capacity` base units per `window` seconds. A
 * stolen operator key therefore mints at most twice the capacity within any one window, and nobody's limit but the
 * token's cap binds the admin.
 */
contract CashbackMinter is AccessControlDefaultAdminRules, Pausable {
    using RateLimiter for RateLimiter.RefillingBucket;

    /// @notice May mint, retire and anchor: the adapter's hot key.
    bytes32 public constant OPERATOR_ROLE = keccak256("OPERATOR_ROLE");

    /// @notice May pause. One key alone suffices; only the admin lifts a pause.
    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");

    /// @dev One bucket for the whole module: a limit per operator would multiply with the number of stolen keys.
    bytes32 private constant BUCKET = bytes32(0);

    /// @notice The token that this module mints.
    CashbackToken public immutable TOKEN;

    RateLimiter.RefillingBucket private _limiter;

    /// @notice The limit is now `capacity` base units, refilled within `window` seconds.
    event LimitChanged(uint208 capacity, uint48 window);

    /// @notice Evidence: `root` commits to the ledger up to and including mint number `upTo`.
    event Anchored(bytes32 indexed root, uint64 indexed upTo);

    /// @notice The batch would mint `requested` base units, the limit has `available`; nothing was minted or marked.
    error LimitExceeded(uint256 requested, uint256 available);

    /// @notice Capacity and window must both be at least 1.
    error InvalidLimit(uint208 capacity, uint48 window);

    /// @notice The token's address carries no contract.
    error InvalidToken(address token);

    /**
     * @notice Deploys the module with a full limit. It can mint once the token's admin has given it `MINTER_ROLE`.
     * @param token The token to mint.
     * @param adminDelay Seconds between proposing a new admin and the first moment it may accept.
     * @param admin The first and only admin.
     * @param operator The adapter's hot key.
     * @param guardian The key that may pause.
     * @param capacity The most base units that can be minted at once.
     * @param window Seconds in which an empty limit fills up again.
     */
    constructor(
        CashbackToken token,
        uint48 adminDelay,
        address admin,
        address operator,
        address guardian,
        uint208 capacity,
        uint48 window
    ) AccessControlDefaultAdminRules(adminDelay, admin) {
        if (address(token).code.length == 0) revert InvalidToken(address(token));
        TOKEN = token;
        _grantRole(OPERATOR_ROLE, operator);
        _grantRole(GUARDIAN_ROLE, guardian);
        _setLimit(capacity, window);
    }

    /**
     * @notice Mints a window of consecutive numbers, see `CashbackToken.mintBatch`.
     * @return minted The base units really minted, which is what the limit is charged.
     */
    function mintBatch(uint64 firstNumber, bytes32[] calldata words)
        external
        onlyRole(OPERATOR_ROLE)
        whenNotPaused
        returns (uint256 minted)
    {
        minted = TOKEN.mintBatch(firstNumber, words);
        _charge(minted);
    }

    /**
     * @notice Mints numbers that do not form a window, see `CashbackToken.mintScattered`.
     * @return minted The base units really minted, which is what the limit is charged.
     */
    function mintScattered(uint64[] calldata numbers, bytes32[] calldata words)
        external
        onlyRole(OPERATOR_ROLE)
        whenNotPaused
        returns (uint256 minted)
    {
        minted = TOKEN.mintScattered(numbers, words);
        _charge(minted);
    }

    /// @notice Uses a number up without minting it, see `CashbackToken.retire`. Free of the limit: it creates nothing.
    function retire(uint64 number) external onlyRole(OPERATOR_ROLE) whenNotPaused {
        TOKEN.retire(number);
    }

    /// @notice Publishes evidence: `root` commits to the ledger up to and including mint number `upTo`.
    function anchor(bytes32 root, uint64 upTo) external onlyRole(OPERATOR_ROLE) whenNotPaused {
        emit Anchored(root, upTo);
    }

    /// @notice Stops minting, retiring and anchoring at once. Any one guardian suffices.
    function pause() external onlyRole(GUARDIAN_ROLE) {
        _pause();
    }

    /// @notice Lifts a pause; the admin alone may, so that a stolen guardian key can only ever stop.
    function unpause() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _unpause();
    }

    /**
     * @notice Changes the limit. What was used stays used; what had refilled until now counts at the old rate.
     * @param capacity The most base units that can be minted at once.
     * @param window Seconds in which an empty limit fills up again.
     */
    function setLimit(uint208 capacity, uint48 window) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _limiter.sync(BUCKET);
        _setLimit(capacity, window);
    }

    /// @notice Returns the base units that the limit lets through in this block.
    function available() external view returns (uint256) {
        return _limiter.available(BUCKET);
    }

    /// @notice Returns the limit itself: capacity in base units and window in seconds.
    function limit() external view returns (uint208 capacity, uint48 window) {
        return (_limiter._capacity, _limiter._window);
    }

    /// @dev Charged after the mint, because only the token knows what it skipped; a revert undoes the mint as well.
    function _charge(uint256 minted) private {
        if (!_limiter.tryConsume(BUCKET, minted)) revert LimitExceeded(minted, _limiter.available(BUCKET));
    }

    function _setLimit(uint208 capacity, uint48 window) private {
        if (capacity == 0 || window == 0) revert InvalidLimit(capacity, window);
        _limiter.updateSettings(window, capacity);
        emit LimitChanged(capacity, window);
    }
}
