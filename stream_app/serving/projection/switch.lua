-- Makes the generation being built the live one. KEYS: the prefix. ARGV: generation.
local prefix, generation = KEYS[1], ARGV[1]
local meta = prefix .. 'meta'
local known = redis.call('HMGET', meta, 'live', 'building')
if known[2] ~= generation then return 'gone' end
local base = prefix .. 'g' .. generation .. ':'
local function behind(wanted)
  for i = 1, #wanted, 2 do
    local position = redis.call('HGET', base .. 'positions', wanted[i])
    if tonumber(position or '0') < tonumber(wanted[i + 1]) then return true end
  end
  return false
end
if behind(redis.call('HGETALL', base .. 'expected')) then return 'behind' end
if known[1] and behind(redis.call('HGETALL', prefix .. 'g' .. known[1] .. ':positions')) then return 'behind' end
redis.call('HSET', meta, 'live', generation)
redis.call('HDEL', meta, 'building')
return 'live'
