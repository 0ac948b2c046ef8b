-- Accept events: fence, bound, append, count, mark as due and wake, in one step.
-- ARGV: prefix, listener, sequence, max events, max bytes, max bytes together, groups,
--       then a group: partition, token, integration, policies, event...
-- policies: one letter an event, upper case for a message. w: the source waits when the inbox is full; d: the oldest is
--           dropped to make room; x: not stored, counted as dropped (in place of the event stands its outcome).
-- Token "*" stands for the hub itself (a replay), which needs no lease.
-- Returns {outcomes, partitions that need a worker}; an outcome is accepted, or -1 when the lease is lost.
local listener, sequence = take(), take()
local last = listener ~= '' and redis.call('GET', P .. 'batch:' .. listener)
if last then
  local done = cmsgpack.unpack(last)
  if done[1] == sequence then return done[2] end
end
local max_events, max_bytes, max_total = tonumber(take()), tonumber(take()), tonumber(take())
local groups = tonumber(take())
local outcomes, need = {}, {}
local total = tonumber(redis.call('GET', P .. 'bytes') or 0)

local function drop_oldest(i, p)
  local first = redis.call('XRANGE', P .. 'inbox:' .. i, '-', '+', 'COUNT', 1)[1]
  if first then finish(i, p, first[1], #first[2][2], 'dropped:full') end
  return first
end

for g = 1, groups do
  local p, token, i, policies = take(), take(), take(), take()
  local n = #policies
  if token ~= '*' and not holds('listen', p, token) then
    outcomes[g] = -1
    at = at + n
  else
    local inbox, box = P .. 'inbox:' .. i, P .. 'box:' .. i
    local length = redis.call('XLEN', inbox)
    local was_empty = length == 0
    local accepted, added = 0, false
    for k = 1, n do
      local event, policy = take(), string.sub(policies, k, k)
      local size = #event
      local kind = policy < 'a' and 'messages' or 'signals'
      policy = string.lower(policy)
      if policy == 'x' then
        local hour = hour_of(redis.call('TIME')[1] .. '000')
        count('ledger', i, hour, kind, 1)
        count('ledger', i, hour, event, 1)
      else
        local bytes = redis.call('HINCRBY', box, 'bytes', size)
        local function full()
          return length >= max_events or bytes > max_bytes or (max_total > 0 and total + gained + size > max_total)
        end
        if policy == 'w' and full() then
          redis.call('HINCRBY', box, 'bytes', -size)
          at = at + n - k
          break
        end
        while full() do
          local first = drop_oldest(i, p)
          if not first then break end
          length, bytes = length - 1, bytes - #first[2][2]
        end
        local id = redis.call('XADD', inbox, '*', 'e', event)
        length, gained, added = length + 1, gained + size, true
        count('ledger', i, hour_of(id), kind, 1)
      end
      accepted = accepted + 1
    end
    if added then
      if was_empty then redis.call('SADD', P .. 'ready:' .. p, i) end
      if not wake('run', 'wake', p, i) and redis.call('SET', P .. 'asked:' .. p, 1, 'NX', 'PX', 3000) then
        need[#need + 1] = tonumber(p)
      end
    end
    outcomes[g] = accepted
  end
end
write_counts()
send_wakes()
local result = {outcomes, need}
if listener ~= '' then
  redis.call('SET', P .. 'batch:' .. listener, cmsgpack.pack({sequence, {outcomes, {}}}), 'EX', 3600)
end
return result
