-- All that is kept of one subject. KEYS: the prefix. ARGV: subject, key, '1' to have an account's members too.
local prefix, subject, key = KEYS[1], ARGV[1], ARGV[2]
local live = redis.call('HGET', prefix .. 'meta', 'live')
if not live then return false end
local base = prefix .. 'g' .. live .. ':'
local row = redis.call('HMGET', base .. subject .. ':' .. key, 'value', 'entry', 'moves')
local members = {}
if subject == 'account' and ARGV[3] == '1' then members = redis.call('HGETALL', base .. 'members:' .. key) end
return {row[1], row[2], row[3], redis.call('LRANGE', base .. 'moves:' .. subject .. ':' .. key, 0, -1), members}
