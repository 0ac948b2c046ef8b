-- Accept events: fence, bound, append, count, mark as due and wake, in one step.
-- ARGV: prefix, listener, sequence, max events, max bytes, max bytes together, groups,
--       then a group: partition, token, integration, policies, event...
-- policies: one letter an event, upper case for a message. w: the source waits when the inbox is full; d: the oldest is
--           dropped to make room; x: not stored, counted as dropped (in place of the event stands its outcome).
-- Token "*" stands for the hub itself (a replay), which needs no lease.
-- Returns {outcomes, partitions that need a worker}; an outcome is accepted, or -1 when the lease is lost.
local listener, sequence = take(), take()
local last = listener ~= '' and call('GET', P .. 'batch:' .. listener)
if last then
  local done = cmsgpack.unpack(last)
  if done[1] == sequence then return done[2] end
end
local max_events, max_bytes, max_total = tonumber(take()), tonumber(take()), tonumber(take())
local groups = tonumber(take())
local outcomes, need = {}, {}
local room = max_total > 0 and max_total - tonumber(call('GET', P .. 'bytes') or 0) or math.huge

local function drop_oldest(i)
  local first = call('XRANGE', P .. 'inbox:' .. i, '-', '+', 'COUNT', 1)[1]
  if not first then return nil end
  local size = #first[2][2]
  finish(i, first[1], size, 'dropped:full')
  return size
end

local partitions, ahead = {}, at
for _ = 1, groups do
  partitions[A[ahead + 1]] = true
  ahead = ahead + 4 + #A[ahead + 4]
end
read_tokens('listen', partitions)
read_tokens('run', partitions)

for g = 1, groups do
  local p, token, i, policies = A[at + 1], A[at + 2], A[at + 3], A[at + 4]
  at = at + 4
  local n = #policies
  if token ~= '*' and token_of('listen', p) ~= token then
    outcomes[g] = -1
    at = at + n
  else
    local inbox, box = P .. 'inbox:' .. i, P .. 'box:' .. i
    local length = call('XLEN', inbox)
    local was_empty = length == 0
    local accepted, added = 0, false
    for k = 1, n do
      local event, letter = A[at + k], string.byte(policies, k)
      local kind = 'messages'
      if letter > 96 then  -- lower case
        kind = 'signals'
        letter = letter - 32
      end
      if letter == 88 then  -- X
        local hour = hour_of(call('TIME')[1] .. '000')
        count('ledger:', i, hour, kind)
        count('ledger:', i, hour, event)
      else
        local size = #event
        local bytes = call('HINCRBY', box, 'bytes', size)
        local full = length >= max_events or bytes > max_bytes or gained + size > room
        if full and letter == 87 then  -- W
          call('HINCRBY', box, 'bytes', -size)
          break
        end
        while full do
          local freed = drop_oldest(i)
          if not freed then break end
          length, bytes = length - 1, bytes - freed
          full = length >= max_events or bytes > max_bytes or gained + size > room
        end
        local id = call('XADD', inbox, '*', 'e', event)
        length, gained, added = length + 1, gained + size, true
        count('ledger:', i, hour_of(id), kind)
      end
      accepted = accepted + 1
    end
    at = at + n
    if added then
      if was_empty then call('SADD', P .. 'ready:' .. p, i) end
      if not wake('run', 'wake', p, i) and call('SET', P .. 'asked:' .. p, 1, 'NX', 'PX', 3000) then
        need[#need + 1] = tonumber(p)
      end
    end
    outcomes[g] = accepted
  end
end
write_counts()
send_wakes()
if listener ~= '' then
  call('SET', P .. 'batch:' .. listener, cmsgpack.pack({sequence, {outcomes, {}}}), 'EX', 3600)
end
return {outcomes, need}
