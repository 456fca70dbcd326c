// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CashbackMinter} from "../../src/CashbackMinter.sol";
import {CashbackToken} from "../../src/CashbackToken.sol";
import {Log, Vm} from "../Test.sol";

/**
 * @notice Does what operators, holders, admins and thieves might do, in any order, with two modules that take turns.
 * @dev It keeps its own books from logs alone, as the ledger does; Invariants.t.sol compares them with the state.
 */
contract Handler {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @notice Few numbers, so that sequences meet the same one again and again; three words of the bitmap.
    uint64 public constant NUMBERS = 600;

    address public constant ADMIN = address(0xAD);
    address public constant OPERATOR = address(0x0E);
    address public constant GUARDIAN = address(0x6A);

    CashbackToken public immutable TOKEN;
    CashbackMinter[2] public modules;

    /// @notice Which of the two modules holds the role.
    uint256 public active;
    uint256 public minted;
    uint256 public burned;
    uint256 public theftsThatWorked;
    uint256 public numbersUsedTwice;
    /// @notice As the token's words of bits, but told by the logs.
    mapping(uint256 wordIndex => uint256 bits) public mintedBits;
    mapping(uint256 wordIndex => uint256 bits) public retiredBits;
    /// @notice What each module's limit had given out when it was last charged, and when that was: a bucket by the book.
    mapping(address module => uint256) public charged;
    mapping(address module => uint256) public chargedAt;

    constructor(CashbackToken token, CashbackMinter first, CashbackMinter second) {
        TOKEN = token;
        modules = [first, second];
    }

    function mintBatch(uint64 first, uint256 seed, uint8 count, uint8 module) external {
        bytes32[] memory words = new bytes32[](count % 40);
        for (uint256 i = 0; i < words.length; ++i) {
            words[i] = _word(uint256(keccak256(abi.encode(seed, i))));
        }
        _call(module, abi.encodeCall(CashbackMinter.mintBatch, (first % (NUMBERS - 40), words)));
    }

    function mintScattered(uint256 seed, uint8 count, uint8 module) external {
        bytes32[] memory words = new bytes32[](count % 20);
        uint64[] memory numbers = new uint64[](words.length);
        for (uint256 i = 0; i < words.length; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            words[i] = _word(random);
            numbers[i] = uint64(random >> 192) % NUMBERS;
        }
        _call(module, abi.encodeCall(CashbackMinter.mintScattered, (numbers, words)));
    }

    function retire(uint64 number, uint8 module) external {
        _call(module, abi.encodeCall(CashbackMinter.retire, (number % NUMBERS)));
    }

    function burn(uint8 holder, uint256 amount) external {
        address account = _holder(holder);
        uint256 part = amount % (TOKEN.balanceOf(account) + 1);
        vm.prank(account);
        TOKEN.burn(part);
        burned += part;
    }

    function transfer(uint8 from, uint8 to, uint256 amount) external {
        address account = _holder(from);
        uint256 part = amount % (TOKEN.balanceOf(account) + 1);
        vm.prank(account);
        require(TOKEN.transfer(_holder(to), part), "transfer");
    }

    function handOver() external {
        uint256 next = 1 - active;
        vm.prank(ADMIN);
        TOKEN.replaceMinter(address(modules[active]), address(modules[next]));
        active = next;
    }

    function togglePause(uint8 module) external {
        CashbackMinter minter = modules[module % 2];
        bool isPaused = minter.paused();
        vm.prank(isPaused ? ADMIN : GUARDIAN);
        isPaused ? minter.unpause() : minter.pause();
    }

    function letTimePass(uint16 minutesToPass) external {
        vm.warp(block.timestamp + uint256(minutesToPass % 600) * 60);
    }

    /// @notice Every way to mint that a thief without the role has; none may work.
    function steal(uint8 who, uint64 number, uint256 seed) external {
        address thief = [_holder(who), ADMIN, GUARDIAN, OPERATOR][seed % 4];
        bytes32[] memory words = new bytes32[](1);
        words[0] = bytes32(uint256(uint160(thief)) << 96 | 1);
        uint64[] memory numbers = new uint64[](1);
        numbers[0] = number;
        _steal(thief, address(TOKEN), abi.encodeCall(CashbackToken.mintBatch, (number, words)));
        _steal(thief, address(TOKEN), abi.encodeCall(CashbackToken.mintScattered, (numbers, words)));
        _steal(thief, address(TOKEN), abi.encodeCall(CashbackToken.retire, (number)));
        if (thief == OPERATOR) return;
        _steal(thief, address(modules[active]), abi.encodeCall(CashbackMinter.mintBatch, (number, words)));
        _steal(thief, address(modules[active]), abi.encodeCall(CashbackMinter.mintScattered, (numbers, words)));
        _steal(thief, address(modules[active]), abi.encodeCall(CashbackMinter.retire, (number)));
    }

    /// @notice Returns what of the module's limit is given out and has not yet flowed back.
    function chargedNow(address minter) public view returns (uint256) {
        (uint208 capacity, uint48 window) = CashbackMinter(minter).limit();
        uint256 refill = (block.timestamp - chargedAt[minter]) * capacity / window;
        return charged[minter] > refill ? charged[minter] - refill : 0;
    }

    function _steal(address thief, address target, bytes memory data) private {
        vm.prank(thief);
        (bool isDone,) = target.call(data);
        if (isDone) ++theftsThatWorked;
    }

    /// @dev A refused call (paused, limit, cap, role moved on) is part of life here; its logs are gone with it.
    function _call(uint8 module, bytes memory data) private {
        address minter = address(modules[module % 2]);
        vm.recordLogs();
        vm.prank(OPERATOR);
        (bool isDone,) = minter.call(data);
        Log[] memory logs = vm.getRecordedLogs();
        if (!isDone) return;
        uint256 before = minted;
        for (uint256 i = 0; i < logs.length; ++i) {
            _book(logs[i]);
        }
        _bookLimit(minter, minted - before);
    }

    function _book(Log memory log) private {
        bool isMint = log.topics[0] == CashbackToken.CashbackMinted.selector;
        if (!isMint && log.topics[0] != CashbackToken.CashbackRetired.selector) return;
        uint256 wordIndex = uint256(log.topics[1]) >> 8;
        uint256 mask = 1 << (uint256(log.topics[1]) & 0xff);
        if ((mintedBits[wordIndex] | retiredBits[wordIndex]) & mask != 0) ++numbersUsedTwice;
        if (isMint) {
            mintedBits[wordIndex] |= mask;
            minted += abi.decode(log.data, (uint256));
        } else {
            retiredBits[wordIndex] |= mask;
        }
    }

    function _bookLimit(address minter, uint256 amount) private {
        if (amount == 0) return;
        charged[minter] = chargedNow(minter) + amount;
        chargedAt[minter] = block.timestamp;
    }

    /// @dev One word in eight is a gap, a bad recipient or a zero amount.
    function _word(uint256 random) private view returns (bytes32) {
        uint256 kind = random % 32;
        if (kind == 0) return 0;
        if (kind == 1) return bytes32(uint256(uint160(address(TOKEN))) << 96 | 1);
        if (kind == 2) return bytes32(uint256(uint160(address(modules[0]))) << 96 | 1);
        if (kind == 3) return bytes32(uint256(uint160(_holder(uint8(random >> 8)))) << 96);
        // Mostly small, so that many fit; sometimes so large that limit and cap refuse the batch.
        uint256 scale = 10e6 << (random >> 16) % 9;
        return bytes32(uint256(uint160(_holder(uint8(random >> 8)))) << 96 | (random >> 24) % scale + 1);
    }

    function _holder(uint8 index) private pure returns (address) {
        return address(uint160(0x1000 + index % 5));
    }
}
