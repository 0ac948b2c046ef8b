-- How messages of integrations move. Changes nothing.
-- ARGV: prefix, hour (ms), hour before, integrations, id...
-- Returns for each: {waiting, id of the oldest or '', outgoing, what is noted of its claims or '', counts in, counts out};
-- counts are flat lists of names and numbers, of both hours together.
local hours = {take(), take()}
local n = tonumber(take())
local result = {}

local function both(ledger, i)
  local totals, list, k = {}, {}, 0
  for h = 1, 2 do
    local row = call('HGETALL', P .. ledger .. i .. ':' .. hours[h])
    for f = 1, #row, 2 do totals[row[f]] = (totals[row[f]] or 0) + tonumber(row[f + 1]) end
  end
  for name, number in pairs(totals) do
    list[k + 1], list[k + 2] = name, number
    k = k + 2
  end
  return list
end

for g = 1, n do
  local i = take()
  local first = call('XRANGE', P .. 'inbox:' .. i, '-', '+', 'COUNT', 1)[1]
  result[g] = {
    first and call('XLEN', P .. 'inbox:' .. i) or 0,
    first and first[1] or '',
    call('XLEN', P .. 'outbox:' .. i),
    call('HGET', P .. 'claims', i) or '',
    both('ledger:', i),
    both('sent:', i),
  }
end
return result
