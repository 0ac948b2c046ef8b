-- Take messages out of outboxes after the peer confirmed them, or after they failed for good.
-- ARGV: prefix, groups, then a group: partition, token, integration, messages, then a message: id, outcome
-- Returns the partitions whose lease is lost.
local groups = tonumber(take())
local lost = {}
for _ = 1, groups do
  local p, token, i, n = A[at + 1], A[at + 2], A[at + 3], tonumber(A[at + 4])
  at = at + 4
  if token_of('listen', p) ~= token then
    lost[#lost + 1] = tonumber(p)
  else
    local outbox = P .. 'outbox:' .. i
    for k = at + 1, at + 2 * n, 2 do
      if call('XDEL', outbox, A[k]) == 1 then count('sent:', i, hour_of(A[k]), A[k + 1]) end
    end
    if call('XLEN', outbox) == 0 then call('SREM', P .. 'outboxes', i) end
  end
  at = at + 2 * n
end
write_counts()
return lost
