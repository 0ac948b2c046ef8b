-- Take messages out of outboxes after the peer confirmed them, or after they failed for good.
-- ARGV: prefix, groups, then a group: partition, token, integration, outcome, messages, then the id of each, oldest first
-- Returns the partitions whose lease is lost.
local groups = tonumber(take())
local lost = {}
local AT_ONCE = 1000

-- Takes out messages, of which none is gone yet: they leave from the front, or because we take them out.
local function take_all(outbox, i, outcome, n)
  for first = 1, n, AT_ONCE do
    call('XDEL', outbox, unpack(A, at + first, at + math.min(n, first + AT_ONCE - 1)))
  end
  local hour, same = nil, 0
  for k = at + 1, at + n do
    local received = hour_of(A[k])
    if received ~= hour then
      if same > 0 then count('sent:', i, hour, outcome, same) end
      hour, same = received, 0
    end
    same = same + 1
  end
  count('sent:', i, hour, outcome, same)
end

for _ = 1, groups do
  local p, token, i, outcome, n = A[at + 1], A[at + 2], A[at + 3], A[at + 4], tonumber(A[at + 5])
  at = at + 5
  if token_of('listen', p) ~= token then
    lost[#lost + 1] = tonumber(p)
  else
    local outbox = P .. 'outbox:' .. i
    local first = n > 2 and call('XRANGE', outbox, '-', '+', 'COUNT', 1)[1]
    if first and first[1] == A[at + 1] then
      take_all(outbox, i, outcome, n)
    else
      for k = at + 1, at + n do
        if call('XDEL', outbox, A[k]) == 1 then count('sent:', i, hour_of(A[k]), outcome) end
      end
    end
    if call('XLEN', outbox) == 0 then call('SREM', P .. 'outboxes', i) end
  end
  at = at + n
end
write_counts()
return lost
