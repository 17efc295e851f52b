"""Music and figures to look at: pictures, and a page that shows and plays."""
