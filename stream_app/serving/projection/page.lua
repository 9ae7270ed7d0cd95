-- One stretch of a ranked list (base.py, Query).
-- KEYS: the prefix. ARGV: subject, score, rows wanted, members looked at, '1' for the lowest first, the spot's value
-- and member ('' and '' for the beginning), then facets.
local prefix, subject, score = KEYS[1], ARGV[1], ARGV[2]
local wanted, budget, lowest = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5] == '1'
local call = redis.call

local live = call('HGET', prefix .. 'meta', 'live')
if not live then return {'gone'} end
local base = prefix .. 'g' .. live .. ':'
local head = base .. 'rank:' .. subject .. ':' .. score .. ':'

-- The shortest of the lists is walked; the others are asked about each of its members.
local list, others = nil, {}
for i = 8, #ARGV do
  local name = head .. ARGV[i]
  if not list then list = name
  elseif call('ZCARD', name) < call('ZCARD', list) then others[#others + 1] = list; list = name
  else others[#others + 1] = name end
end
list = list or head

local size = call('ZCARD', list)

-- How many members stand before a spot, or on it where `on` says so: found by halving among those of its value.
local function before(value, member, on)
  local low = call('ZCOUNT', list, '-inf', '(' .. value)
  local high = low + call('ZCOUNT', list, value, value)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local there = call('ZRANGE', list, middle, middle)[1]
    if there < member or (on and there == member) then low = middle + 1 else high = middle end
  end
  return low
end

local start = 0
if ARGV[6] ~= '' then
  if lowest then start = size - before(ARGV[6], ARGV[7], false) else start = before(ARGV[6], ARGV[7], true) end
end

local function on_all(member)
  for _, other in ipairs(others) do
    if not call('ZSCORE', other, member) then return false end
  end
  return true
end

local found, looked = {}, 0
local range = lowest and 'ZREVRANGE' or 'ZRANGE'
local spot = {ARGV[6], ARGV[7]}
while looked < budget and #found < 3 * wanted do
  local some = call(range, list, start + looked, start + looked + 99, 'WITHSCORES')
  if #some == 0 then return {'end', found} end
  for i = 1, #some, 2 do
    looked = looked + 1
    local member, value = some[i], some[i + 1]
    spot = {value, member}
    if on_all(member) then
      local record = call('HGET', base .. subject .. ':' .. string.sub(member, 16), 'value')
      if record then
        found[#found + 1] = value
        found[#found + 1] = member
        found[#found + 1] = record
      end
    end
    if #found >= 3 * wanted then break end
  end
end
if start + looked >= size then return {'end', found} end
return {'more', found, spot[1], spot[2]}
