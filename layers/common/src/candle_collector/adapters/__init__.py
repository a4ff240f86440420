"""The only places that know a vendor; its errors end here."""
