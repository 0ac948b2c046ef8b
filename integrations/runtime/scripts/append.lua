-- Accept events: fence, bound, append, count, mark as due and wake, in one step.
-- ARGV: prefix, listener, sequence, max events, max bytes, max bytes together, groups,
--       then a group: partition, token, integration, policies, event...
-- policies: one letter an event, upper case for a message. w: the source waits when the inbox is full; d: the oldest is
--           dropped to make room; x: not stored, counted as dropped (in place of the event stands its outcome); P: no event, but
--           where the source goes on once all before it is stored: a name, a line feed, a position.
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
local share = math.floor(max_bytes / max_events)
local together = tonumber(call('GET', P .. 'bytes') or 0)
local room = max_total > 0 and max_total - together or math.huge

-- Of the inbox at hand: how many events are in it, and what they count for beyond their shares (nil: not read yet).
local inbox, integration, length, excess

local function is_full(size)
  if length >= max_events or gained + size > room then return true end
  local bytes = (length + 1) * share + beyond(size, share)
  if bytes + together + gained <= max_bytes then return false end  -- no inbox holds more than all together
  if not excess then excess = tonumber(call('HGET', P .. 'box:' .. integration, 'bytes') or 0) end
  return bytes + excess > max_bytes
end

local function drop_oldest()
  local first = call('XRANGE', inbox, '-', '+', 'COUNT', 1)[1]
  if not first then return false end
  local size = #first[2][2]
  take_out(integration, inbox, first[1], size, share)
  count('ledger:', integration, hour_of(first[1]), 'dropped:full')
  length = length - 1
  if excess then excess = excess - beyond(size, share) end
  return true
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
  else
    inbox, integration, excess = P .. 'inbox:' .. i, i, nil
    length = call('XLEN', inbox)
    local was_empty = length == 0
    local accepted, added = 0, false
    local messages, signals, hour = 0, 0, nil
    for k = 1, n do
      local event, letter = A[at + k], string.byte(policies, k)
      local is_message = letter < 97  -- upper case
      if not is_message then letter = letter - 32 end
      if letter == 80 then  -- P
        local feed = string.find(event, '\n', 1, true)
        call('HSET', P .. 'position:' .. i, string.sub(event, 1, feed - 1), string.sub(event, feed + 1))
      elseif letter == 88 then  -- X
        local now = hour_of(call('TIME')[1] .. '000')
        count('ledger:', i, now, is_message and 'messages' or 'signals')
        count('ledger:', i, now, event)
      else
        local size = #event
        local full = is_full(size)
        if full and letter == 87 then break end  -- W
        while full and drop_oldest() do full = is_full(size) end
        if was_empty and not added then
          call('HDEL', P .. 'box:' .. i, 'bytes')  -- bounds that were changed may have left something
          excess = nil
        end
        local more = beyond(size, share)
        if more > 0 then
          call('HINCRBY', P .. 'box:' .. i, 'bytes', more)
          if excess then excess = excess + more end
        end
        local received = hour_of(call('XADD', inbox, '*', 'e', event))
        length, gained, added = length + 1, gained + size, true
        if received ~= hour then
          if messages > 0 then count('ledger:', i, hour, 'messages', messages) end
          if signals > 0 then count('ledger:', i, hour, 'signals', signals) end
          messages, signals, hour = 0, 0, received
        end
        if is_message then messages = messages + 1 else signals = signals + 1 end
      end
      accepted = accepted + 1
    end
    if messages > 0 then count('ledger:', i, hour, 'messages', messages) end
    if signals > 0 then count('ledger:', i, hour, 'signals', signals) end
    if added then
      if was_empty then call('SADD', P .. 'ready:' .. p, i) end
      if not wake('run', 'wake', p, i) and call('SET', P .. 'asked:' .. p, 1, 'NX', 'PX', 3000) then
        need[#need + 1] = tonumber(p)
      end
    end
    outcomes[g] = accepted
  end
  at = at + n
end
write_counts()
send_wakes()
if listener ~= '' then
  call('SET', P .. 'batch:' .. listener, cmsgpack.pack({sequence, {outcomes, {}}}), 'EX', 3600)
end
return {outcomes, need}
