-- Drop what waits for an integration that is gone. ARGV: prefix, partition, integration, reason, most. Returns how many are left.
local p, i, reason, most = take(), take(), take(), take()
local inbox, outbox = P .. 'inbox:' .. i, P .. 'outbox:' .. i
for _, entry in ipairs(call('XRANGE', inbox, '-', '+', 'COUNT', most)) do
  take_out(i, inbox, entry[1], #entry[2][2], math.huge)  -- its box goes too
  count('ledger:', i, hour_of(entry[1]), 'dropped:' .. reason)
end
drop_sends(i, call('XRANGE', outbox, '-', '+', 'COUNT', most), reason)
write_counts()
local left = call('XLEN', inbox) + call('XLEN', outbox)
if left == 0 then
  call('SREM', P .. 'ready:' .. p, i)
  call('SREM', P .. 'outboxes', i)
  call('DEL', inbox, outbox, P .. 'box:' .. i, P .. 'starts:' .. i, P .. 'status:' .. i, P .. 'position:' .. i)
  call('DEL', P .. 'packed:' .. i, P .. 'messages:' .. i, P .. 'outcomes:' .. i)
  call('HDEL', P .. 'inspected', i)
  call('HDEL', P .. 'claims', i)
  call('HDEL', P .. 'proof', i)
  call('HDEL', P .. 'last', i)
  for _, name in ipairs({'pace', 'sendfaults', 'rates', 'judged'}) do call('HDEL', P .. name, i) end
end
return left
