-- The books of sources as they are at this moment: counts of hours, and what waits by the hour in which it came.
-- ARGV: prefix, sources, then each: id, hours, then the hours (ms) that are asked for
-- Returns for each {counts in, counts out, waiting in, waiting out}. Counts: hour, flat list, hour, flat list...; of hours without
-- any nothing. Waiting: hour, number...; hours in which something waits are told of, asked for or not.
local AT_ONCE = 500

-- `more`: how many events or messages the stream holds beyond its entries.
local function waiting(stream, more)
  local left = call('XLEN', stream)
  if left == 0 then return {} end
  local last = hour_of(call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1][1])
  local after, numbers, order = '-', {}, {}
  while left > 0 do
    local first = call('XRANGE', stream, after, '+', 'COUNT', 1)[1]
    if hour_of(first[1]) == last then  -- what is left came in one hour: nobody has to read it
      numbers[last] = left + more
      order[#order + 1] = last
      break
    end
    local entries = call('XRANGE', stream, after, '+', 'COUNT', AT_ONCE)
    for k = 1, #entries do
      local hour = hour_of(entries[k][1])
      if hour == last then break end
      if not numbers[hour] then
        numbers[hour] = 0
        order[#order + 1] = hour
      end
      local n = messages_in(entries[k])
      numbers[hour] = numbers[hour] + n
      left, more = left - 1, more - (n - 1)
      after = '(' .. entries[k][1]
    end
  end
  local list = {}
  for k = 1, #order do list[2 * k - 1], list[2 * k] = order[k], numbers[order[k]] end
  return list
end

local function counts(ledger, i, hours)
  local list, k = {}, 0
  for _, hour in ipairs(hours) do
    local row = call('HGETALL', P .. ledger .. i .. ':' .. hour)
    if #row > 0 then
      list[k + 1], list[k + 2] = hour, row
      k = k + 2
    end
  end
  return list
end

local result = {}
for g = 1, tonumber(take()) do
  local i, asked, known = take(), {}, {}
  for k = 1, tonumber(take()) do
    asked[k] = take()
    known[asked[k]] = true
  end
  local packed = tonumber(call('GET', P .. 'packed:' .. i) or 0)
  local inside, outside = waiting(P .. 'inbox:' .. i, 0), waiting(P .. 'outbox:' .. i, packed)
  for _, list in ipairs({inside, outside}) do
    for k = 1, #list, 2 do
      if not known[list[k]] then
        asked[#asked + 1] = list[k]
        known[list[k]] = true
      end
    end
  end
  result[g] = {counts('ledger:', i, asked), counts('sent:', i, asked), inside, outside}
end
return result
