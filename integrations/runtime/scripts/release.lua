-- Give leases back that are still ours. ARGV: prefix, kind, n, then partition, token each.
local kind, n = take(), tonumber(take())
for _ = 1, n do
  local p, token = take(), take()
  if token_of(kind, p) == token then call('DEL', P .. kind .. ':' .. p) end
end
