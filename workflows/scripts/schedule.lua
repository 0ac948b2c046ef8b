-- Put down an event for later. ARGV: prefix, application, run id, due (ms), most of an application, event with its workflow.
-- Asked again for the same run id it changes nothing but the event. Returns 1, or 0 when the application has too many.
local waiting = ARGV[1] .. 'scheduled:' .. ARGV[2]
if redis.call('HEXISTS', waiting, ARGV[3]) == 0 and redis.call('HLEN', waiting) >= tonumber(ARGV[5]) then return 0 end
redis.call('HSET', waiting, ARGV[3], ARGV[6])
redis.call('ZADD', ARGV[1] .. 'schedule', ARGV[4], ARGV[2] .. ':' .. ARGV[3])
return 1
