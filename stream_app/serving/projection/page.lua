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
local whole = base .. 'rank:' .. subject .. ':' .. score .. ':'

local found = {}
local function tell(key, place)
  local record = call('HGET', base .. subject .. ':' .. key, 'value')
  if record then
    found[#found + 1] = place
    found[#found + 1] = key
    found[#found + 1] = record
  end
  return #found >= 3 * wanted
end

-- The shortest of all lists that will do is walked; the sets of the other facets are asked about each member.
local list, sets, shortest, walked = whole, {}, nil, nil
local size = call('ZCARD', whole)
for i = 8, #ARGV do
  local set = base .. 'on:' .. subject .. ':' .. ARGV[i]
  local members = call('SCARD', set)
  if members == 0 then return {'end', found} end
  if not shortest or members < shortest[2] then shortest = {set, members} end
  local count = call('ZCARD', whole .. ARGV[i])
  if count > 0 and count < size then list, size, walked = whole .. ARGV[i], count, set end
  sets[#sets + 1] = set
end

local function on_all(key, except)
  for _, set in ipairs(sets) do
    if set ~= except and call('SISMEMBER', set, key) == 0 then return false end
  end
  return true
end

-- A few members are sorted here and now.
if shortest and shortest[2] <= SMALL then
  local some = {}
  for _, key in ipairs(call('SMEMBERS', shortest[1])) do
    if on_all(key, shortest[1]) then
      local place = call('ZSCORE', whole, key)
      if place then some[#some + 1] = {tonumber(place), key, place} end
    end
  end
  local function precedes(one, other)
    if one[1] ~= other[1] then return one[1] < other[1] end
    return one[2] < other[2]
  end
  table.sort(some, function(one, other)
    if lowest then return precedes(other, one) end
    return precedes(one, other)
  end)
  local spot = {value, member}
  for i, one in ipairs(some) do
    if not value or (lowest and precedes(one, spot)) or (not lowest and precedes(spot, one)) then
      if tell(one[2], one[3]) and i < #some then return {'more', found, one[3], one[2]} end
    end
    if #found >= 3 * wanted then break end
  end
  return {'end', found}
end

-- How many members stand before a spot, or on it where `on` says so: found by halving among those of its value.
local function before(on)
  local low = call('ZCOUNT', list, '-inf', '(' .. ARGV[6])
  local high = low + call('ZCOUNT', list, ARGV[6], ARGV[6])
  while low < high do
    local middle = math.floor((low + high) / 2)
    local there = call('ZRANGE', list, middle, middle)[1]
    if there < member or (on and there == member) then low = middle + 1 else high = middle end
  end
  return low
end

local start = 0
if value then
  if lowest then start = size - before(false) else start = before(true) end
end

local looked, range, spot = 0, lowest and 'ZREVRANGE' or 'ZRANGE', {ARGV[6], ARGV[7]}
while looked < budget do
  local some = call(range, list, start + looked, start + looked + 99, 'WITHSCORES')
  if #some == 0 then break end
  for i = 1, #some, 2 do
    looked = looked + 1
    spot = {some[i + 1], some[i]}
    if on_all(some[i], walked) and tell(some[i], some[i + 1]) then
      if start + looked >= size then return {'end', found} end
      return {'more', found, spot[1], spot[2]}
    end
  end
end
if start + looked >= size then return {'end', found} end
return {'more', found, spot[1], spot[2]}
