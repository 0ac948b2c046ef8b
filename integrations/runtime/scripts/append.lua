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
  if not first then return 0, 0 end
  local size = #first[2][2]
  finish(i, p, first[1], size, 'dropped:full')
  return 1, size
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
    local bytes = tonumber(redis.call('HGET', box, 'bytes') or 0)
    local accepted, added, messages, hour = 0, 0, 0, nil
    for k = 1, n do
      local event, policy = take(), string.sub(policies, k, k)
      local size = #event
      local message = policy < 'a' and 1 or 0
      policy = string.lower(policy)
      if policy == 'x' then
        local now = redis.call('TIME')
        hour = hour_of(now[1] .. '000')
        count('ledger', i, hour, 'received', 1)
        count('ledger', i, hour, event, 1)
        count('ledger', i, hour, 'messages', message)
        accepted = accepted + 1
      else
        local full = length >= max_events or bytes + size > max_bytes or (max_total > 0 and total + size > max_total)
        if full and policy == 'w' then
          at = at + n - k
          break
        end
        while full and length > 0 do
          local gone, freed = drop_oldest(i, p)
          length, bytes, total = length - gone, bytes - freed, total - freed
          full = gone > 0 and (length >= max_events or bytes + size > max_bytes)
        end
        local id = redis.call('XADD', inbox, '*', 'e', event)
        length, bytes, total, added = length + 1, bytes + size, total + size, added + size
        hour = hour_of(id)
        count('ledger', i, hour, 'received', 1)
        messages = messages + message
        accepted = accepted + 1
      end
    end
    if added > 0 then
      redis.call('HINCRBY', box, 'bytes', added)
      redis.call('INCRBY', P .. 'bytes', added)
      if messages > 0 then count('ledger', i, hour, 'messages', messages) end
      redis.call('SADD', P .. 'ready:' .. p, i)
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
