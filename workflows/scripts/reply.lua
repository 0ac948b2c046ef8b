-- Hand a reply to who waits for it. ARGV: prefix, application, reply id, seconds to keep it, reply. Returns 1, or 0 when nobody waits.
local place = ARGV[2] .. ':' .. ARGV[3]
if redis.call('DEL', ARGV[1] .. 'awaits:' .. place) == 0 then return 0 end
local list = ARGV[1] .. 'reply:' .. place
redis.call('RPUSH', list, ARGV[5])
redis.call('EXPIRE', list, ARGV[4])
return 1
