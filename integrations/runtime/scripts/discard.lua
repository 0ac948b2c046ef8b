-- Drop what waits for an integration that is gone. ARGV: prefix, partition, integration, reason, most. Returns how many are left.
local p, i, reason, most = take(), take(), take(), take()
for _, entry in ipairs(redis.call('XRANGE', P .. 'inbox:' .. i, '-', '+', 'COUNT', most)) do
  finish(i, p, entry[1], #entry[2][2], 'dropped:' .. reason)
end
for _, entry in ipairs(redis.call('XRANGE', P .. 'outbox:' .. i, '-', '+', 'COUNT', most)) do
  redis.call('XDEL', P .. 'outbox:' .. i, entry[1])
  count('sent', i, hour_of(entry[1]), 'dropped:' .. reason, 1)
end
write_counts()
local left = redis.call('XLEN', P .. 'inbox:' .. i) + redis.call('XLEN', P .. 'outbox:' .. i)
if left == 0 then
  redis.call('SREM', P .. 'ready:' .. p, i)
  redis.call('SREM', P .. 'outboxes', i)
  redis.call('DEL', P .. 'inbox:' .. i, P .. 'outbox:' .. i, P .. 'box:' .. i, P .. 'starts:' .. i, P .. 'status:' .. i)
  redis.call('HDEL', P .. 'proof', i)
  redis.call('HDEL', P .. 'last', i)
end
return left
