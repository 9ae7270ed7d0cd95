-- One stretch of a ranked list (base.py, Query).
-- KEYS: the prefix. ARGV: subject, score, rows wanted, members looked at, '1' for the lowest first, the spot's value
-- and member ('' and '' for the beginning), then facets.
local prefix, subject, score = KEYS[1], ARGV[1], ARGV[2]
local wanted, budget, lowest = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5] == '1'
local value, member = tonumber(ARGV[6]), ARGV[7]
local call = redis.call
local SMALL = 500

local live = call('HGET', prefix .. 'meta', 'live')
if not live then return {'gone'} end
local base = prefix .. 'g' .. live .. ':'
local rank = base .. 'rank:' .. subject .. ':' .. score .. ':'
local function row_of(key) return base .. subject .. ':' .. key end

-- By bytes, as sorted sets do; what Lua's own < says depends on the server's locale.
local function lower(one, other)
  for i = 1, math.min(#one, #other) do
    local a, b = string.byte(one, i), string.byte(other, i)
    if a ~= b then return a < b end
  end
  return #one < #other
end

-- Of two members {place, key, place as it is told}: which is read first.
local function precedes(one, other)
  if lowest then one, other = other, one end
  if one[1] ~= other[1] then return one[1] < other[1] end
  return lower(one[2], other[2])
end

local found, spot = {}, {ARGV[6], ARGV[7]}
local function tell(one)
  local record = call('HGET', row_of(one[2]), 'value')
  if record then
    found[#found + 1] = one[3]
    found[#found + 1] = one[2]
    found[#found + 1] = record
  end
  spot = {one[3], one[2]}
  return #found >= 3 * wanted
end
local function answer(more) return {more and 'more' or 'end', found, spot[1], spot[2]} end

-- A subject's names (apply.lua) say where it stands: on which stages and in which bands, joined, its owner, its account.
local function on_all(names, facets)
  for _, facet in ipairs(facets) do
    if names[3] ~= facet and names[4] ~= facet and not string.find('\0' .. names[2], '\0' .. facet .. '\0', 1, true) then
      return false
    end
  end
  return true
end

local parts, whose, who = {}, nil, nil
for i = 8, #ARGV do
  if string.sub(ARGV[i], 1, 6) == 'owner:' then
    whose = ARGV[i]
  elseif string.sub(ARGV[i], 1, 8) == 'account:' then
    who = ARGV[i]
  else
    parts[#parts + 1] = ARGV[i]
  end
end

-- The cells that will do are walked together, or the owner's list if it is shorter; the rest is asked of each member.
local lists, rest, size = {}, {}, 0
for _, cell in ipairs(call('SMEMBERS', base .. 'cells:' .. subject .. ':' .. score)) do
  if on_all({nil, cell}, parts) then
    lists[#lists + 1] = rank .. cell
    size = size + call('ZCARD', rank .. cell)
  end
end
if whose then
  local count = call('ZCARD', rank .. whose)
  rest = {whose}
  if count < size then lists, rest, size = {rank .. whose}, parts, count end
end
if size == 0 then return answer(false) end

if who then
  local set = base .. 'on:' .. subject .. ':' .. who
  local count = call('SCARD', set)
  if count == 0 then return answer(false) end
  if count <= SMALL and count < size then
    -- A few members are sorted here and now.
    local facets = {whose, unpack(parts)}
    if not whose then facets = parts end
    local some, after = {}, {value, member}
    for _, key in ipairs(call('SMEMBERS', set)) do
      local names = cmsgpack.unpack(call('HGET', row_of(key), 'names'))
      local place = on_all(names, facets) and call('ZSCORE', rank .. names[2], key)
      if place then
        local one = {tonumber(place), key, place}
        if not value or precedes(after, one) then some[#some + 1] = one end
      end
    end
    table.sort(some, precedes)
    for i, one in ipairs(some) do
      if tell(one) then return answer(i < #some) end
    end
    return answer(false)
  end
  rest[#rest + 1] = who
end

-- How many members of a list stand before the spot, or on it where `on` says so: found by halving among those of its value.
local function before(list, on)
  local low = call('ZCOUNT', list, '-inf', '(' .. ARGV[6])
  local high = low + call('ZCOUNT', list, ARGV[6], ARGV[6])
  while low < high do
    local middle = math.floor((low + high) / 2)
    local there = call('ZRANGE', list, middle, middle)[1]
    if lower(there, member) or (on and there == member) then low = middle + 1 else high = middle end
  end
  return low
end

local function start_of(list)
  if not value then return 0 end
  if lowest then return call('ZCARD', list) - before(list, false) end
  return before(list, true)
end

-- A list being read: some members at a time.
local range, some_at_once = lowest and 'ZREVRANGE' or 'ZRANGE', math.max(8, math.ceil(100 / #lists))
local function read_on(reader)
  local some = call(range, reader.list, reader.start, reader.start + some_at_once - 1, 'WITHSCORES')
  reader.start, reader.some, reader.at = reader.start + some_at_once, some, -1
end
local function head_of(reader)
  reader.at = reader.at + 2
  if reader.at > #reader.some then
    if #reader.some == 2 * some_at_once then read_on(reader) else reader.some = {} end
    reader.at = 1
  end
  local some, at = reader.some, reader.at
  reader.head = some[at] and {tonumber(some[at + 1]), some[at], some[at + 1]}
  return reader.head
end

-- A heap of them: whose head precedes all others' is the first.
local heap = {}
for _, list in ipairs(lists) do
  local reader = {list = list, start = start_of(list)}
  read_on(reader)
  if head_of(reader) then heap[#heap + 1] = reader end
end
table.sort(heap, function(one, other) return precedes(one.head, other.head) end)
local function sink()
  local at = 1
  while true do
    local first = at
    for child = 2 * at, math.min(2 * at + 1, #heap) do
      if precedes(heap[child].head, heap[first].head) then first = child end
    end
    if first == at then return end
    heap[at], heap[first] = heap[first], heap[at]
    at = first
  end
end

for _ = 1, budget do
  local reader = heap[1]
  if not reader then return answer(false) end
  local one, full = reader.head, false
  spot = {one[3], one[2]}
  local names = #rest == 0 or call('HGET', row_of(one[2]), 'names')
  if #rest == 0 or (names and on_all(cmsgpack.unpack(names), rest)) then full = tell(one) end
  if not head_of(reader) then
    heap[1] = heap[#heap]
    heap[#heap] = nil
  end
  sink()
  if full then return answer(heap[1] ~= nil) end
end
return answer(heap[1] ~= nil)
