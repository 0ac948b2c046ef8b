-- Drop messages that waited too long in an outbox. ARGV: prefix, oldest allowed ms, n, integrations. Returns how many.
local oldest, n = tonumber(take()), tonumber(take())
local gone = 0
for _ = 1, n do
  local i = take()
  local outbox = P .. 'outbox:' .. i
  gone = gone + drop_sends(i, call('XRANGE', outbox, '-', string.format('%.0f', oldest), 'COUNT', 1000), 'expired')
  if call('XLEN', outbox) == 0 then call('SREM', P .. 'outboxes', i) end
end
write_counts()
return gone
