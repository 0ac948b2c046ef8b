-- Take messages out of outboxes after the peer confirmed them, or after they failed for good.
-- ARGV: prefix, groups, then a group: partition, token, integration, sent, failed, entries, then the id of each, oldest first.
-- sent, failed: how many messages of each entry of the group were; one in all, unless it is a pack.
-- Returns the partitions whose lease is lost.
local groups = tonumber(take())
local lost = {}
local AT_ONCE = 1000

-- Takes out entries, of which none is gone yet: they leave from the front, or because we take them out.
local function take_all(outbox, n)
  for first = 1, n, AT_ONCE do
    call('XDEL', outbox, unpack(A, at + first, at + math.min(n, first + AT_ONCE - 1)))
  end
  return n
end

local function take_each(outbox, n)
  local taken = 0
  for k = at + 1, at + n do
    if call('XDEL', outbox, A[k]) == 1 then
      taken = taken + 1
      A[at + taken] = A[k]
    end
  end
  return taken
end

for _ = 1, groups do
  local p, token, i = A[at + 1], A[at + 2], A[at + 3]
  local sent, failed, n = tonumber(A[at + 4]), tonumber(A[at + 5]), tonumber(A[at + 6])
  at = at + 6
  if token_of('listen', p) ~= token then
    lost[#lost + 1] = tonumber(p)
  else
    local outbox, more = P .. 'outbox:' .. i, sent + failed - 1
    local first = n > 2 and call('XRANGE', outbox, '-', '+', 'COUNT', 1)[1]
    local taken = (first and first[1] == A[at + 1] and take_all or take_each)(outbox, n)
    for k = at + 1, at + taken do
      local hour = hour_of(A[k])
      if sent > 0 then count('sent:', i, hour, 'sent', sent) end
      if failed > 0 then count('sent:', i, hour, 'failed', failed) end
    end
    if more > 0 and taken > 0 then call('DECRBY', P .. 'packed:' .. i, more * taken) end
    if call('XLEN', outbox) == 0 then
      call('SREM', P .. 'outboxes', i)
      if more > 0 then call('DEL', P .. 'packed:' .. i) end
    end
  end
  at = at + n
end
write_counts()
return lost
