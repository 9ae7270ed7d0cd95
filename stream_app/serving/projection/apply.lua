-- Takes one slice (base.py) whole: its changes, and the position behind it.
-- Answers what became of it, the stored position, and which changes are older than what is there.
-- KEYS: the prefix. ARGV: generation, place, begin, end, changes (MessagePack), moves kept, seconds a guard is kept.
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

-- Where a subject stands: `names`, packed, has the lists it is ranked in and the facets it is on; `places`, packed, its
-- place in each of those lists. A subject that stands nowhere has neither; one that is struck out is in none of them.

-- Places wait here until the slice's end, or until something is to be taken out: one call a list is cheaper than many.
local waiting = {}

local function enter_waiting()
  for list, pairs_ in pairs(waiting) do call('ZADD', list, unpack(pairs_)) end
  waiting = {}
end

-- Moves a subject; `from` and `to` are names as packed, or nil; `lists` and `values` are what `to` and its places hold.
local function place_anew(subject, key, from, to, lists, values)
  local head = base .. 'rank:' .. subject .. ':'
  for i = 1, #lists do
    local list = head .. lists[i]
    local some = waiting[list]
    if some then
      some[#some + 1] = values[i]
      some[#some + 1] = key
    else
      waiting[list] = {values[i], key}
    end
  end
  if from == to then return end
  enter_waiting()
  local old = from and cmsgpack.unpack(from) or {{}, {}}
  local new = to and cmsgpack.unpack(to) or {{}, {}}
  local function apart(which)
    local gone, come = {}, {}
    for _, name in ipairs(old[which]) do gone[name] = true end
    for _, name in ipairs(new[which]) do
      if gone[name] then gone[name] = nil else come[name] = true end
    end
    return gone, come
  end
  for list in pairs((apart(1))) do call('ZREM', head .. list, key) end
  local off, on = apart(2)
  for facet in pairs(off) do call('SREM', base .. 'on:' .. subject .. ':' .. facet, key) end
  for facet in pairs(on) do call('SADD', base .. 'on:' .. subject .. ':' .. facet, key) end
end

local NONE = {}

local take = {}

function take.score(subject, key, revision, at, value, lists, values, names, places)
  local row = row_of(subject, key)
  local old = call('HMGET', row, 'revision', 'names', 'struck')
  if old[1] then
    if tonumber(old[1]) >= revision then return false end
  else
    local guard = call('HMGET', guard_of(subject, key), 'revision', 'erased')
    if tonumber(guard[1] or '0') >= revision or tonumber(guard[2] or '-1') >= at then return false end
  end
  if old[2] == names then
    call('HSET', row, 'value', value, 'revision', revision, 'at', at, 'places', places)
  else
    call('HSET', row, 'value', value, 'revision', revision, 'at', at, 'names', names, 'places', places)
  end
  if not old[3] then place_anew(subject, key, old[2], names, lists, values) end
end

local function remove(subject, key, old)
  if not old[3] then place_anew(subject, key, old[2], nil, NONE, NONE) end
  call('HDEL', row_of(subject, key), 'value', 'revision', 'at', 'names', 'places')
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
  local old = call('HMGET', row, 'struck', 'names', 'places')
  if (old[1] == false) == listed then return end
  if listed then call('HDEL', row, 'struck') else call('HSET', row, 'struck', 1) end
  if not old[2] then return end
  if listed then
    place_anew(subject, key, nil, old[2], cmsgpack.unpack(old[2])[1], cmsgpack.unpack(old[3]))
  else
    place_anew(subject, key, old[2], nil, NONE, NONE)
  end
end

function take.brought(account, lead, entry)
  local members = base .. 'members:' .. account
  if entry then call('HSET', members, lead, entry) else call('HDEL', members, lead) end
end

local older = {}  -- which of them were left out
for i, change in ipairs(cmsgpack.unpack(ARGV[5])) do
  if change[2] < position or take[change[1]](
    change[3], change[4], change[5], change[6], change[7], change[8], change[9], change[10], change[11]
  ) == false then older[#older + 1] = i end
end
enter_waiting()
call('HSET', base .. 'positions', place, last)
return {'taken', last, older}
