-- Takes one slice (base.py) whole: its changes, and the position behind it.
-- Answers what became of it, the stored position, and which changes are older than what is there.
-- KEYS: the prefix. ARGV: generation, place, begin, end, changes (MessagePack, each eleven
-- values, one after the other), moves kept, seconds a guard is kept.
local prefix, generation, place = KEYS[1], ARGV[1], ARGV[2]
local first, last, keep, guarded = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[6]), ARGV[7]
local call = redis.call

local known = call('HMGET', prefix .. 'meta', 'live', 'building')
if known[1] ~= generation and known[2] ~= generation then return {'gone', 0} end
local base = prefix .. 'g' .. generation .. ':'
local position = tonumber(call('HGET', base .. 'positions', place) or '0')
if first > position then return {'gap', position} end
if last <= position then return {'passed', position} end

local function row_of(subject, key) return base .. subject .. ':' .. key end
local function guard_of(subject, key) return base .. 'guard:' .. subject .. ':' .. redis.sha1hex(key) end

-- Where a subject stands: `names`, packed, has the scores that it is ranked by, its cell, owner and account; `ranks` has
-- those scores and its place by each in turn. One that is struck out is nowhere; `struck`, packed, has its ranks meanwhile.

-- The beginning of a list's key, by subject and score.
local heads = {lead = {}, account = {}}
local function head_of(subject, score)
  local head = heads[subject][score]
  if not head then
    head = base .. 'rank:' .. subject .. ':' .. score .. ':'
    heads[subject][score] = head
  end
  return head
end

-- Places wait here until the slice's end, or until something is to be taken out: one call a list is cheaper than many.
local waiting = {}

local function wait_for(list, key, place)
  local some = waiting[list]
  if not some then
    some = {}
    waiting[list] = some
  end
  local count = #some
  some[count + 1] = place
  some[count + 2] = key
end

local function enter(subject, key, cell, owner, ranks)
  for i = 1, #ranks, 2 do
    local head = head_of(subject, ranks[i])
    wait_for(head .. cell, key, ranks[i + 1])
    if owner ~= '' then wait_for(head .. owner, key, ranks[i + 1]) end
  end
end

local function enter_waiting()
  for list, pairs_ in pairs(waiting) do call('ZADD', list, unpack(pairs_)) end
  waiting = {}
end

local NOWHERE = {{}, '', '', ''}

-- Takes a subject out of where it is not any more; `from` and `to` are names as packed, or nil.
local function leave(subject, key, from, to)
  local old = from and cmsgpack.unpack(from) or NOWHERE
  local new = to and cmsgpack.unpack(to) or NOWHERE
  local stays = {}
  for _, score in ipairs(new[1]) do
    stays[score] = true
    call('SADD', base .. 'cells:' .. subject .. ':' .. score, new[2])
  end
  enter_waiting()
  for _, score in ipairs(old[1]) do
    local head = head_of(subject, score)
    if old[2] ~= new[2] or not stays[score] then
      call('ZREM', head .. old[2], key)
      if call('EXISTS', head .. old[2]) == 0 then call('SREM', base .. 'cells:' .. subject .. ':' .. score, old[2]) end
    end
    if old[3] ~= '' and (old[3] ~= new[3] or not stays[score]) then call('ZREM', head .. old[3], key) end
  end
  if old[4] == new[4] then return end
  if old[4] ~= '' then call('SREM', base .. 'on:' .. subject .. ':' .. old[4], key) end
  if new[4] ~= '' then call('SADD', base .. 'on:' .. subject .. ':' .. new[4], key) end
end

local take = {}

function take.score(subject, key, revision, at, value, names, cell, owner, ranks)
  local row = row_of(subject, key)
  local old = call('HMGET', row, 'revision', 'names', 'struck')
  if old[1] then
    if tonumber(old[1]) >= revision then return false end
  else
    local guard = call('HMGET', guard_of(subject, key), 'revision', 'erased')
    if tonumber(guard[1] or '0') >= revision or tonumber(guard[2] or '-1') >= at then return false end
  end
  if old[2] == names then
    call('HSET', row, 'value', value, 'revision', revision, 'at', at)
  else
    call('HSET', row, 'value', value, 'revision', revision, 'at', at, 'names', names)
  end
  if old[3] then
    call('HSET', row, 'struck', cmsgpack.pack(ranks))
    return
  end
  enter(subject, key, cell, owner, ranks)
  if old[2] ~= names then leave(subject, key, old[2], names) end
end

local function remove(subject, key, old)
  if not old[3] then leave(subject, key, old[2], nil) end
  call('HDEL', row_of(subject, key), 'value', 'revision', 'at', 'names')
  local guard = guard_of(subject, key)
  call('HSET', guard, 'revision', old[1])
  call('EXPIRE', guard, guarded)
end

function take.gone(subject, key)
  local old = call('HMGET', row_of(subject, key), 'revision', 'names', 'struck')
  if old[1] then remove(subject, key, old) end
end

function take.move(subject, key, value)
  local list = base .. 'moves:' .. subject .. ':' .. key
  call('LPUSH', list, value)
  call('LTRIM', list, 0, keep - 1)
  call('HINCRBY', row_of(subject, key), 'moves', 1)
end

function take.erased(key, at)
  local row = row_of('lead', key)
  call('DEL', base .. 'moves:lead:' .. key)
  call('HDEL', row, 'moves')
  local old = call('HMGET', row, 'revision', 'names', 'struck', 'at')
  if old[1] and tonumber(old[4]) <= at then remove('lead', key, old) end
  local guard = guard_of('lead', key)
  call('HSET', guard, 'erased', at)
  call('EXPIRE', guard, guarded)
end

function take.state(subject, key, entry, listed)
  local row = row_of(subject, key)
  if entry then call('HSET', row, 'entry', entry) else call('HDEL', row, 'entry') end
  local old = call('HMGET', row, 'struck', 'names')
  if (old[1] == false) == listed then return end
  local names = old[2] and cmsgpack.unpack(old[2]) or NOWHERE
  if listed then
    call('HDEL', row, 'struck')
    enter(subject, key, names[2], names[3], old[2] and cmsgpack.unpack(old[1]) or {})
    if old[2] then leave(subject, key, nil, old[2]) end
    return
  end
  enter_waiting()
  local ranks = {}
  for _, score in ipairs(names[1]) do
    ranks[#ranks + 1] = score
    ranks[#ranks + 1] = tonumber(call('ZSCORE', head_of(subject, score) .. names[2], key))
  end
  call('HSET', row, 'struck', cmsgpack.pack(ranks))
  if old[2] then leave(subject, key, old[2], nil) end
end

function take.brought(account, lead, entry)
  local members = base .. 'members:' .. account
  if entry then call('HSET', members, lead, entry) else call('HDEL', members, lead) end
end

local older = {}  -- which of them were left out
local changes, next_at, number = ARGV[5], 0, 0
while next_at >= 0 and #changes > 0 do
  local at, kind, offset, a, b, c, d, e, f, g, h, i = cmsgpack.unpack_limit(changes, 11, next_at)
  next_at, number = at, number + 1
  if offset < position or take[kind](a, b, c, d, e, f, g, h, i) == false then older[#older + 1] = number end
end
enter_waiting()
call('HSET', base .. 'positions', place, last)
return {'taken', last, older}
