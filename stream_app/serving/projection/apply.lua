-- Takes one slice (base.py) whole: its changes, and the position behind it.
-- KEYS: the prefix. ARGV: generation, place, begin, end, changes (MessagePack), moves kept, seconds a guard is kept.
local prefix, generation, place = KEYS[1], ARGV[1], ARGV[2]
local first, last, keep, guarded = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[6]), ARGV[7]
local call = redis.call

local known = call('HMGET', prefix .. 'meta', 'live', 'building')
if known[1] ~= generation and known[2] ~= generation then return {'gone', 0} end
local base = prefix .. 'g' .. generation .. ':'
local position = tonumber(call('HGET', base .. 'positions', place) or '0')
if first > position then return {'gap', position} end
if last <= position then return {'taken', position} end

local function row_of(subject, key) return base .. subject .. ':' .. key end
local function guard_of(subject, key) return base .. 'guard:' .. subject .. ':' .. redis.sha1hex(key) end

local function same(one, other)
  if #one ~= #other then return false end
  for i = 1, #one do if one[i] ~= other[i] then return false end end
  return true
end

-- An index says where a subject stands: {recency, {score: negated value}, {facet}, listed}.
local function strike(subject, key, index, except)
  local member = index[1] .. key
  for score in pairs(index[2]) do
    if not except or except[score] == nil then
      local list = base .. 'rank:' .. subject .. ':' .. score .. ':'
      call('ZREM', list, member)
      for i = 1, #index[3] do call('ZREM', list .. index[3][i], member) end
    end
  end
end

local function enter(subject, key, index, except)
  local member = index[1] .. key
  for score, value in pairs(index[2]) do
    if not except or except[score] ~= value then
      local list = base .. 'rank:' .. subject .. ':' .. score .. ':'
      call('ZADD', list, value, member)
      for i = 1, #index[3] do call('ZADD', list .. index[3][i], value, member) end
    end
  end
end

-- Moves a subject from where an old index put it to where a new one does; either may be nil.
local function place_anew(subject, key, old, new)
  if old and new and old[1] == new[1] and same(old[3], new[3]) then
    strike(subject, key, old, new[2])
    enter(subject, key, new, old[2])
    return
  end
  if old then strike(subject, key, old) end
  if new then enter(subject, key, new) end
end

local function in_lists(packed, struck)
  local index = packed and cmsgpack.unpack(packed)
  if index and index[4] and not struck then return index end
  return nil
end

local take = {}

function take.score(subject, key, revision, at, value, recency, ranks, facets, listed)
  local row = row_of(subject, key)
  local old = call('HMGET', row, 'revision', 'index', 'struck')
  if old[1] then
    if tonumber(old[1]) >= revision then return end
  else
    local guard = call('HMGET', guard_of(subject, key), 'revision', 'erased')
    if tonumber(guard[1] or '0') >= revision or tonumber(guard[2] or '-1') >= at then return end
  end
  local index = {recency, ranks, facets, listed}
  call('HSET', row, 'value', value, 'revision', revision, 'at', at, 'index', cmsgpack.pack(index))
  place_anew(subject, key, in_lists(old[2], old[3]), (listed and not old[3]) and index or nil)
end

local function remove(subject, key, old)
  local index = in_lists(old[2], old[3])
  if index then strike(subject, key, index) end
  call('HDEL', row_of(subject, key), 'value', 'revision', 'at', 'index')
  local guard = guard_of(subject, key)
  call('HSET', guard, 'revision', old[1])
  call('EXPIRE', guard, guarded)
end

function take.gone(subject, key)
  local old = call('HMGET', row_of(subject, key), 'revision', 'index', 'struck')
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
  local old = call('HMGET', row, 'revision', 'index', 'struck', 'at')
  if old[1] and tonumber(old[4]) <= at then remove('lead', key, old) end
  local guard = guard_of('lead', key)
  call('HSET', guard, 'erased', at)
  call('EXPIRE', guard, guarded)
end

function take.state(subject, key, entry, listed)
  local row = row_of(subject, key)
  local old = call('HMGET', row, 'struck', 'index')
  if entry then call('HSET', row, 'entry', entry) else call('HDEL', row, 'entry') end
  if (old[1] == false) == listed then return end
  local index = in_lists(old[2], false)
  if listed then
    call('HDEL', row, 'struck')
    if index then enter(subject, key, index) end
  else
    call('HSET', row, 'struck', 1)
    if index then strike(subject, key, index) end
  end
end

function take.brought(account, lead, entry)
  local members = base .. 'members:' .. account
  if entry then call('HSET', members, lead, entry) else call('HDEL', members, lead) end
end

for _, change in ipairs(cmsgpack.unpack(ARGV[5])) do
  if change[2] >= position then
    take[change[1]](change[3], change[4], change[5], change[6], change[7], change[8], change[9], change[10], change[11])
  end
end
call('HSET', base .. 'positions', place, last)
return {'taken', last}
