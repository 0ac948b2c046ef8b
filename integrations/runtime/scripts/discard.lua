-- Drop what waits for an integration that is gone. ARGV: prefix, partition, integration, reason, most. Returns how many are left.
local p, i, reason, most = take(), take(), take(), take()
for _, entry in ipairs(call('XRANGE', P .. 'inbox:' .. i, '-', '+', 'COUNT', most)) do
  finish(i, entry[1], #entry[2][2], 'dropped:' .. reason)
end
for _, entry in ipairs(call('XRANGE', P .. 'outbox:' .. i, '-', '+', 'COUNT', most)) do
  call('XDEL', P .. 'outbox:' .. i, entry[1])
  count('sent:', i, hour_of(entry[1]), 'dropped:' .. reason)
end
write_counts()
local left = call('XLEN', P .. 'inbox:' .. i) + call('XLEN', P .. 'outbox:' .. i)
if left == 0 then
  call('SREM', P .. 'ready:' .. p, i)
  call('SREM', P .. 'outboxes', i)
  call('DEL', P .. 'inbox:' .. i, P .. 'outbox:' .. i, P .. 'box:' .. i, P .. 'starts:' .. i, P .. 'status:' .. i)
  call('HDEL', P .. 'proof', i)
  call('HDEL', P .. 'last', i)
end
return left
