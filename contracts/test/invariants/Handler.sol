// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {CashbackMinter} from "../../src/CashbackMinter.sol";
import {CashbackToken} from "../../src/CashbackToken.sol";
import {Vm} from "../Test.sol";
import {Books} from "./Books.sol";

/**
 * @notice Does what operators, guardians, admins, holders and thieves might do, in any order, while one module follows
 * the next and calls that were signed for an earlier one are still in flight.
 */
contract Handler is Books {
    /// @notice A signed call that no block carries yet; it lands whenever it likes, or never.
    struct Flight {
        address module;
        bytes data;
    }

    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    address public constant OPERATOR = address(0x0E);
    address public constant GUARDIAN = address(0x6A);
    uint256 public constant HOLDERS = 5;

    uint256 private constant MODULES_MAX = 6;
    uint256 private constant FLIGHTS_MAX = 16;
    /// @dev Minted for a module that was replaced before the call landed: what the adapter meets in a handover.
    uint256 public landedLate;
    uint256 public adminsChanged;

    Flight[] private _flights;
    mapping(address target => address) private _proposed;
    mapping(address target => uint256) private _proposedAt;

    constructor(CashbackToken token, CashbackMinter first) Books(token) {
        _bookModule(first);
    }

    // --- The operator ------------------------------------------------------------------------------------------------

    function mintBatch(uint64 first, uint256 seed, uint8 count, uint8 module) external {
        _call(_module(module), _batch(first, seed, count));
    }

    function mintScattered(uint256 seed, uint8 count, uint8 module) external {
        bytes32[] memory words = new bytes32[](count % 20);
        uint64[] memory numbers = new uint64[](words.length);
        for (uint256 i = 0; i < words.length; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            words[i] = _word(random);
            numbers[i] = uint64(random >> 192) % NUMBERS;
        }
        _call(_module(module), abi.encodeCall(CashbackMinter.mintScattered, (numbers, words)));
    }

    function retire(uint64 number, uint8 module) external {
        _call(_module(module), abi.encodeCall(CashbackMinter.retire, (number % NUMBERS)));
    }

    /// @notice An anchor asks nothing of the token: a module out of office may still log one, a paused one may not.
    function anchor(bytes32 root, uint64 upTo, uint8 module) external {
        CashbackMinter minter = _module(module);
        bool isPaused = minter.paused();
        vm.prank(OPERATOR);
        (bool isDone,) = address(minter).call(abi.encodeCall(CashbackMinter.anchor, (root, upTo)));
        if (isDone && isPaused) ++doneWhilePaused;
        if (isDone) ++anchored;
    }

    /// @notice Signs a batch for the module now in office, and lets it fly.
    function launch(uint64 first, uint256 seed, uint8 count) external {
        if (_flights.length == FLIGHTS_MAX) return;
        _flights.push(Flight(address(modules[active]), _batch(first, seed, count)));
    }

    /// @notice A call in flight is mined at last, by whichever module it was signed for.
    function land(uint8 index) external {
        if (_flights.length == 0) return;
        Flight memory flight = _flights[index % _flights.length];
        _flights[index % _flights.length] = _flights[_flights.length - 1];
        _flights.pop();
        if (flight.module != address(modules[active])) ++landedLate;
        _call(CashbackMinter(flight.module), flight.data);
    }

    /// @notice The same mints go to the module now in office, while the call in flight may still land as well.
    function mintAgain(uint8 index) external {
        if (_flights.length == 0) return;
        _call(modules[active], _flights[index % _flights.length].data);
    }

    // --- Guardians and admins ----------------------------------------------------------------------------------------

    function togglePause(uint8 module) external {
        CashbackMinter minter = _module(module);
        bool isPaused = minter.paused();
        vm.prank(isPaused ? adminOf[address(minter)] : GUARDIAN);
        isPaused ? minter.unpause() : minter.pause();
    }

    function setLimit(uint8 module, uint208 capacity, uint48 window) external {
        CashbackMinter minter = _module(module);
        (capacity, window) = (capacity % 20_000e6 + 1, window % 2 days + 1);
        vm.prank(adminOf[address(minter)]);
        minter.setLimit(capacity, window);
        _bookLimitChange(address(minter), capacity, window);
    }

    /// @notice Hands the role to a new module, or back to an earlier one.
    function handOver(uint8 module) external {
        uint256 next = module % MODULES_MAX;
        if (next >= modules.length) {
            next = modules.length;
            _bookModule(
                new CashbackMinter(TOKEN, 2 days, adminOf[address(TOKEN)], OPERATOR, GUARDIAN, 10_000e6, 1 days)
            );
        }
        vm.prank(adminOf[address(TOKEN)]);
        TOKEN.replaceMinter(address(modules[active]), address(modules[next]));
        active = next;
    }

    function proposeAdmin(uint8 target, uint8 candidate) external {
        AccessControlDefaultAdminRules where = _administered(target);
        vm.prank(adminOf[address(where)]);
        where.beginDefaultAdminTransfer(_admin(candidate));
        (_proposed[address(where)], _proposedAt[address(where)]) = (_admin(candidate), block.timestamp);
    }

    function cancelAdmin(uint8 target) external {
        AccessControlDefaultAdminRules where = _administered(target);
        vm.prank(adminOf[address(where)]);
        where.cancelDefaultAdminTransfer();
        delete _proposed[address(where)];
    }

    /// @notice Somebody takes office as admin: only who was proposed, and only after the delay. Mostly it is who was.
    function acceptAdmin(uint8 target, uint8 who) external {
        AccessControlDefaultAdminRules where = _administered(target);
        address proposed = _proposed[address(where)];
        address claimant = who % 4 == 0 || proposed == address(0) ? _admin(who / 4) : proposed;
        vm.prank(claimant);
        (bool isDone,) = address(where).call(abi.encodeCall(where.acceptDefaultAdminTransfer, ()));
        bool isInTurn = claimant == proposed && block.timestamp > _proposedAt[address(where)] + 2 days;
        if (isDone != isInTurn) ++adminsOutOfTurn;
        if (!isDone) return;
        if (adminOf[address(where)] != claimant) ++adminsChanged;
        adminOf[address(where)] = claimant;
        delete _proposed[address(where)];
    }

    // --- Holders, time and thieves -----------------------------------------------------------------------------------

    function burn(uint8 holder, uint256 amount) external {
        uint256 part = amount % (TOKEN.balanceOf(_holder(holder)) + 1);
        vm.prank(_holder(holder));
        TOKEN.burn(part);
        burned += part;
    }

    function burnFrom(uint8 holder, uint8 spender, uint256 amount) external {
        uint256 part = amount % (TOKEN.balanceOf(_holder(holder)) + 1);
        vm.prank(_holder(holder));
        TOKEN.approve(_holder(spender), part);
        vm.prank(_holder(spender));
        TOKEN.burnFrom(_holder(holder), part);
        burned += part;
    }

    function transfer(uint8 from, uint8 to, uint256 amount) external {
        uint256 part = amount % (TOKEN.balanceOf(_holder(from)) + 1);
        vm.prank(_holder(from));
        require(TOKEN.transfer(_holder(to), part), "transfer");
    }

    /// @notice Mostly hours, so that limits refill in part; sometimes days, so that a proposed admin may accept.
    function letTimePass(uint16 minutesToPass, bool isLong) external {
        vm.warp(block.timestamp + uint256(minutesToPass % 600) * (isLong ? 10 minutes : 1 minutes));
    }

    /// @notice Every way to mint, stop or rule that somebody without the role has; none may work.
    function steal(uint8 who, uint64 number, uint256 seed) external {
        address thief = [_holder(who), _admin(who), GUARDIAN, OPERATOR][seed % 4];
        address module = address(modules[active]);
        bytes32[] memory words = new bytes32[](1);
        words[0] = bytes32(uint256(uint160(_holder(who))) << 96 | 1);
        uint64[] memory numbers = new uint64[](1);
        numbers[0] = number;
        _steal(thief, address(TOKEN), abi.encodeCall(CashbackToken.mintBatch, (number, words)));
        _steal(thief, address(TOKEN), abi.encodeCall(CashbackToken.mintScattered, (numbers, words)));
        _steal(thief, address(TOKEN), abi.encodeCall(CashbackToken.retire, (number)));
        if (thief != adminOf[address(TOKEN)]) {
            _steal(thief, address(TOKEN), abi.encodeCall(CashbackToken.replaceMinter, (module, address(this))));
        }
        if (thief != OPERATOR) {
            _steal(thief, module, abi.encodeCall(CashbackMinter.mintBatch, (number, words)));
            _steal(thief, module, abi.encodeCall(CashbackMinter.mintScattered, (numbers, words)));
            _steal(thief, module, abi.encodeCall(CashbackMinter.retire, (number)));
            _steal(thief, module, abi.encodeCall(CashbackMinter.anchor, (bytes32(seed), number)));
        }
        if (thief != GUARDIAN) _steal(thief, module, abi.encodeCall(CashbackMinter.pause, ()));
        if (thief != adminOf[module]) {
            _steal(thief, module, abi.encodeCall(CashbackMinter.unpause, ()));
            _steal(thief, module, abi.encodeCall(CashbackMinter.setLimit, (type(uint208).max, 1)));
        }
    }

    function _steal(address thief, address target, bytes memory data) private {
        vm.prank(thief);
        (bool isDone,) = target.call(data);
        if (isDone) ++theftsThatWorked;
    }

    /// @dev A refused call (paused, limit, cap, role moved on) is part of life here; its logs are gone with it.
    function _call(CashbackMinter minter, bytes memory data) private {
        bool isPaused = minter.paused();
        vm.recordLogs();
        vm.prank(OPERATOR);
        (bool isDone,) = address(minter).call(data);
        if (!isDone) return;
        if (isPaused) ++doneWhilePaused;
        if (address(minter) != address(modules[active])) ++doneOutOfOffice;
        _bookLogs(address(minter), vm.getRecordedLogs());
    }

    function _batch(uint64 first, uint256 seed, uint8 count) private view returns (bytes memory) {
        bytes32[] memory words = new bytes32[](count % 40);
        for (uint256 i = 0; i < words.length; ++i) {
            words[i] = _word(uint256(keccak256(abi.encode(seed, i))));
        }
        return abi.encodeCall(CashbackMinter.mintBatch, (first % (NUMBERS - 40), words));
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

    /// @dev Every other call goes to the module in office, whatever their number: a refused one teaches little.
    function _module(uint8 index) private view returns (CashbackMinter) {
        return index % 2 == 0 ? modules[active] : modules[index / 2 % modules.length];
    }

    function _administered(uint8 index) private view returns (AccessControlDefaultAdminRules) {
        return index % 2 == 0 ? AccessControlDefaultAdminRules(TOKEN) : _module(index);
    }

    function _holder(uint8 index) private pure returns (address) {
        return address(uint160(0x1000 + index % HOLDERS));
    }

    function _admin(uint8 index) private pure returns (address) {
        return address(uint160(0xAD + index % 3));
    }
}
