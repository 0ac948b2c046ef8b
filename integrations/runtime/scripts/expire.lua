-- Drop messages that waited too long in an outbox. ARGV: prefix, oldest allowed ms, n, integrations. Returns how many.
local oldest, n = tonumber(take()), tonumber(take())
local gone = 0
for _ = 1, n do
  local i = take()
  local outbox = P .. 'outbox:' .. i
  for _, entry in ipairs(redis.call('XRANGE', outbox, '-', string.format('%.0f', oldest), 'COUNT', 1000)) do
    redis.call('XDEL', outbox, entry[1])
    count('sent', i, hour_of(entry[1]), 'dropped:expired', 1)
    gone = gone + 1
  end
  if redis.call('XLEN', outbox) == 0 then redis.call('SREM', P .. 'outboxes', i) end
end
write_counts()
return gone
