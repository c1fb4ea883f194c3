module rowmill/go-audit

go 1.24
