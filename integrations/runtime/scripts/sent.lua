-- Take messages out of outboxes after the peer confirmed them, or after they failed for good.
-- ARGV: prefix, groups, then a group: partition, token, integration, messages, then a message: id, outcome
-- Returns the partitions whose lease is lost.
local groups = tonumber(take())
local lost = {}
for _ = 1, groups do
  local p, token, i, n = take(), take(), take(), tonumber(take())
  if not holds('listen', p, token) then
    lost[#lost + 1] = tonumber(p)
    at = at + 2 * n
  else
    local outbox = P .. 'outbox:' .. i
    for _ = 1, n do
      local id, outcome = take(), take()
      if redis.call('XDEL', outbox, id) == 1 then count('sent', i, hour_of(id), outcome, 1) end
    end
    if redis.call('XLEN', outbox) == 0 then redis.call('SREM', P .. 'outboxes', i) end
  end
end
write_counts()
return lost
